"""From sessions of people to demand of groups: consent, pseudonyms, k-anonymity, features, footprints.

Place in the line: before `forecasting.usage`, whose long table it writes, and beside `forecasting.profile`,
which `sizing` turns from activity into resources. Nothing here shows a user id, a pseudonym or the key, not
even in errors.

    result = ingest(Request(events=Path("events.parquet"), now=now), key)
    result.table.to_parquet("usage.parquet")
"""
