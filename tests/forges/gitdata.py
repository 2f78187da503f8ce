"""GitHub's Git-Data API over a bare repository: trees, commits and refs, as they are made there."""

import os
import subprocess
import tempfile
from typing import Any

from forges.description import Operation
from forges.server import BOT, ForgeServer, RefusalError

GIT = "/repos/{owner}/{repo}/git"


class GitData:
    """What a server does with objects; commits are signed where nobody was named."""

    def __init__(self, server: ForgeServer) -> None:
        self.server = server
        self.committer = ("GitHub", "noreply@github.com")

    @property
    def identity(self) -> tuple[str, str]:
        """Name and address of the App's own commits."""
        name = f"{BOT}[bot]"
        return name, f"{self.server.world.user(BOT)}+{name}@users.noreply.github.com"

    def handlers(self) -> dict[tuple[str, str], Any]:
        """What does each operation."""
        return {
            ("POST", f"{GIT}/trees"): self._tree,
            ("POST", f"{GIT}/commits"): self._commit,
            ("POST", f"{GIT}/refs"): self._open,
            ("PATCH", f"{GIT}/refs/{{ref}}"): self._move,
            ("GET", f"{GIT}/ref/{{ref}}"): self._read,
        }

    def _tree(self, operation: Operation, body: Any) -> tuple[int, Any]:
        base = body.get("base_tree")
        if base is not None and self._kind(base) not in ("tree", "commit"):
            raise RefusalError(422, "base_tree is not a valid tree oid")
        with tempfile.TemporaryDirectory() as directory:
            index = {"GIT_INDEX_FILE": f"{directory}/index"}
            self._git("read-tree", base or "--empty", **index)
            for item in body["tree"]:
                path, blob = item["path"], item.get("sha")
                if "content" in item:
                    blob = self._git("hash-object", "-w", "--stdin", text=item["content"])
                elif blob is None and not self._git("ls-files", "--", path, **index):
                    raise RefusalError(422, "GitRPC::BadObjectState")
                line = f"{item['mode']} {blob}\t{path}" if blob else f"0 {'0' * 40}\t{path}"
                self._git("update-index", "-z", "--index-info", text=f"{line}\0", **index)
            made = self._git("write-tree", **index)
        return 201, {"sha": made, "tree": [], "truncated": False}

    def _commit(self, operation: Operation, body: Any) -> tuple[int, Any]:
        if self._kind(body["tree"]) != "tree":
            raise RefusalError(422, "Tree SHA does not exist")
        if any(self._kind(x) != "commit" for x in body.get("parents", ())):
            raise RefusalError(422, "Parent SHA does not exist or is not a commit object")
        named = body.get("author") or body.get("committer")
        author = (named["name"], named["email"]) if named else self.identity
        committer = author if named else self.committer
        when = self.server.world.tick()
        signers = {
            f"GIT_{role}_{key}": value
            for role, (name, email) in (("AUTHOR", author), ("COMMITTER", committer))
            for key, value in (("NAME", name), ("EMAIL", email), ("DATE", when.isoformat()))
        }
        parents = [x for parent in body.get("parents", ()) for x in ("-p", parent)]
        made = self._git("commit-tree", body["tree"], *parents, text=body["message"], **signers)
        date = f"{when:%Y-%m-%dT%H:%M:%SZ}"
        return 201, {
            "sha": made,
            "tree": {"sha": body["tree"]},
            "message": body["message"],
            "author": {"name": author[0], "email": author[1], "date": date},
            "committer": {"name": committer[0], "email": committer[1], "date": date},
            "verification": {"verified": not named, "reason": "unsigned" if named else "valid"},
        }

    def _open(self, operation: Operation, body: Any) -> tuple[int, Any]:
        ref = body["ref"]
        if not ref.startswith("refs/heads/"):
            raise RefusalError(422, "Reference name must start with 'refs/' and contain at least two slashes")
        if self._kind(body["sha"]) is None:
            raise RefusalError(422, "Object does not exist")
        if self._at(ref) is not None:
            raise RefusalError(422, "Reference already exists")
        return 201, self._set(ref, body["sha"])

    def _move(self, operation: Operation, body: Any) -> tuple[int, Any]:
        ref = f"refs/{operation.path['ref']}"
        there = self._at(ref)
        if there is None:
            raise RefusalError(422, "Reference does not exist")
        if self._kind(body["sha"]) is None:
            raise RefusalError(422, "Object does not exist")
        if not body.get("force") and self._git("merge-base", there, body["sha"]) != there:
            raise RefusalError(422, "Update is not a fast forward")
        return 200, self._set(ref, body["sha"])

    def _read(self, operation: Operation, _: Any) -> tuple[int, Any]:
        ref = f"refs/{operation.path['ref']}"
        there = self._at(ref)
        if there is None:
            raise RefusalError(404, "Not Found")
        return 200, self._told(ref, there)

    def _set(self, ref: str, commit: str) -> dict[str, Any]:
        self._git("update-ref", ref, commit)
        self.server.world.sync()
        return self._told(ref, commit)

    def _told(self, ref: str, commit: str) -> dict[str, Any]:
        return {"ref": ref, "object": {"type": "commit", "sha": commit}}

    def _at(self, ref: str) -> str | None:
        return self._git("for-each-ref", "--format=%(objectname)", ref) or None

    def _kind(self, oid: str) -> str | None:
        answer = self._git("cat-file", "--batch-check=%(objecttype)", text=f"{oid}\n")
        return None if answer.endswith("missing") else answer

    def _git(self, *arguments: str, text: str = "", **variables: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.server.world.repository,
            check=True,
            capture_output=True,
            input=text.encode(),
            env={**os.environ, **variables},
        )
        return done.stdout.decode().strip("\n")
