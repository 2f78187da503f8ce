"""Places that usage comes from: one module each, and each gives usage as `forecasting.usage` describes it."""
