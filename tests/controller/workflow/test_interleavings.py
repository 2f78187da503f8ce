"""Any interleaving of controllers, reviewers, crashes and time: what must hold, whatever happens in between."""

import shutil
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from forges import ConflictError, GitHubServer
from forges.fixtures import Clock, connected
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from repositories import seeded
from teams import BOTH, CALM, LARGER, SURGE, environment_of, killed_after
from worlds import CONFIG, HOUR, NOW, profile_of, usage_of

from controller import marker
from controller.lease import dump, parse
from controller.workflow import place as place_module
from controller.workflow import rounds as rounds_module
from controller.workflow import run

LEASES = "environments/demo/leases"
SHARED = {False: "", True: "proposals: {group_by: environment}\n"}
FORECASTS = {"calm": CALM, "surge": SURGE, "larger": LARGER, "both": BOTH}


class Interleavings(RuleBasedStateMachine):
    """One environment at GitHub, two controllers, and people."""

    @initialize(shared=st.booleans())
    def begin(self, shared):
        """Pull requests by lease, or by environment."""
        self.folder = Path(tempfile.mkdtemp())
        self.origin = seeded(self.folder / "origin.git")
        self.environment = environment_of(self.origin, CONFIG + SHARED[shared] + "repository: {forge: github}\n")
        self.server = GitHubServer(self.origin.directory)
        self.server.__enter__()
        self.patched = mock.patch.object(place_module, "connect", return_value=connected(self.server, Clock()))
        self.patched.start()
        self.now, self.kind, self.people = NOW, "calm", 0
        self.expected = self.files()

    def teardown(self):
        if hasattr(self, "server"):
            self.patched.stop()
            self.server.__exit__(None, None, None)
            shutil.rmtree(self.folder)

    # What a controller does.

    def work(self):
        hours = int((self.now - NOW) / HOUR) + 1
        flat = {"eu/shop": [6.0] * (48 + hours), "us/etl": [4.0] * (48 + hours)}
        rolled = {group: (values[hours - 1 :] + values)[:72] for group, values in FORECASTS[self.kind].items()}
        run(
            self.environment,
            usage_of(flat, NOW - 48 * HOUR),
            profile_of(rolled, start=self.now, draws=60),
            self.now,
        )

    @rule()
    def a_run(self):
        self.work()
        self.server.forget()
        refs = self.origin.git("for-each-ref")
        self.work()
        assert not self.server.writes, [f"{x.method} {x.target}" for x in self.server.writes]
        assert self.origin.git("for-each-ref") == refs

    @rule(kind=st.sampled_from(sorted(FORECASTS)))
    def a_newer_forecast(self, kind):
        self.kind = kind

    @rule(
        boundary=st.sampled_from(["look", "commit", "push", "open", "label", "comment", "edit", "close", "delete"])
    )
    def a_crash(self, boundary):
        killed_after(boundary, self.work)

    @rule()
    def two_controllers_at_once(self):
        publish, raced = rounds_module.publish, []

        def after_another(*arguments, **options):
            if not raced:
                raced.append(True)
                self.work()
            return publish(*arguments, **options)

        with mock.patch.object(rounds_module, "publish", after_another):
            self.work()

    # What people do.

    def pulls(self, state):
        self.server.world.sync()
        return [x for x in self.server.world.pulls.values() if x.state == state and x.head.startswith("headroom/")]

    @precondition(lambda self: self.pulls("open"))
    @rule(data=st.data(), method=st.sampled_from(["merge", "squash", "rebase"]))
    def a_merge(self, data, method):
        pull = data.draw(st.sampled_from(self.pulls("open")))
        before = self.files()
        try:
            self.server.world.merge(pull.number, method)
        except ConflictError:
            return
        self.expected = self.files()
        if not marker.read(pull.body or ""):
            return  # somebody took the marker out just before
        changed = {x for x in before.keys() | self.expected.keys() if before.get(x) != self.expected.get(x)}
        assert changed <= {f"{LEASES}/{x.lease.split('/', 1)[1]}.json" for x in marker.read(pull.body)}

    @precondition(lambda self: self.pulls("open"))
    @rule(data=st.data())
    def a_refusal(self, data):
        self.server.world.close(data.draw(st.sampled_from(self.pulls("open"))).number)

    @precondition(lambda self: self.pulls("closed"))
    @rule(data=st.data())
    def a_change_of_mind(self, data):
        pull = data.draw(st.sampled_from(self.pulls("closed")))
        taken = {x.head for x in self.pulls("open")}
        if pull.head in self.origin.branches() and pull.head not in taken:
            self.server.world.reopen(pull.number)

    @precondition(lambda self: self.pulls("open"))
    @rule(data=st.data(), floor=st.integers(4, 9))
    def a_commit_of_somebody_else(self, data, floor):
        pull = data.draw(st.sampled_from(self.pulls("open")))
        if pull.head.endswith("-release") or "/all/" in pull.head:
            return
        person = self.person()
        person.git("checkout", "-q", pull.head)
        _, _, pool, name = pull.head.split("/")
        file = person.directory / LEASES / pool / f"{name}.json"
        lease = parse(file.read_text(), f"leases/{pool}/{name}.json")
        person.commit(
            {
                f"{LEASES}/{pool}/{name}.json": dump(lease).replace(f'"floor": {lease.floor}', f'"floor": {floor}')
                + " "
            }
        )
        person.git("push", "-q", "origin", pull.head)

    @precondition(lambda self: self.expected)
    @rule(data=st.data())
    def an_edit_on_main(self, data):
        path = data.draw(st.sampled_from(sorted(self.expected)))
        person = self.person()
        file = person.directory / path
        lease = parse(file.read_text(), path.removeprefix("environments/demo/"))
        text = dump(lease).replace(f'"floor": {lease.floor}', f'"floor": {lease.floor + 1}')
        person.commit({path: text})
        person.git("push", "-q", "origin", "HEAD:main")
        self.expected = self.files()

    @precondition(lambda self: [x for x in self.pulls("merged") if x.merged_commit])
    @rule(data=st.data())
    def the_revert_button(self, data):
        pull = data.draw(st.sampled_from(self.pulls("merged")))
        try:
            back = self.server.world.revert(pull.number)
            self.server.world.merge(back.number)
        except Exception:
            return
        self.expected = self.files()

    @precondition(lambda self: self.pulls("open"))
    @rule(data=st.data(), words=st.sampled_from(["mine", "", '<!-- headroom {"changes": 7, "version": 1} -->']))
    def a_body_of_somebody_elses(self, data, words):
        self.server.world.edit(data.draw(st.sampled_from(self.pulls("open"))).number, body=words)

    @precondition(lambda self: self.pulls("open"))
    @rule(data=st.data())
    def an_approval(self, data):
        self.server.world.approve(data.draw(st.sampled_from(self.pulls("open"))).number, "ada")

    @rule(hours=st.sampled_from([1, 6, 30, 60]))
    def time_passes(self, hours):
        self.now += hours * HOUR

    @precondition(lambda self: self.pulls("open"))
    @rule(data=st.data())
    def a_branch_is_deleted(self, data):
        self.server.world.delete_branch(data.draw(st.sampled_from(self.pulls("open"))).head)

    # What must hold.

    @invariant()
    def main_is_what_people_made_it(self):
        if hasattr(self, "expected"):
            assert self.files() == self.expected

    @invariant()
    def no_lease_has_two_open_proposals(self):
        if hasattr(self, "server"):
            about = [
                mark.lease
                for x in self.pulls("open")
                for mark in marker.read(x.body or "")
                if mark.action != "release"
            ]
            gone = [
                mark.lease
                for x in self.pulls("open")
                for mark in marker.read(x.body or "")
                if mark.action == "release"
            ]
            assert len(about) == len(set(about))
            assert len(gone) == len(set(gone))

    @invariant()
    def a_proposal_touches_its_own_leases_only(self):
        if not hasattr(self, "server"):
            return
        for pull in self.pulls("open"):
            touched = self.origin.git("diff", "--name-only", f"main...{pull.head}").splitlines()
            own = {f"{LEASES}/{x.lease.split('/', 1)[1]}.json" for x in marker.read(pull.body or "")}
            assert set(touched) <= own or not own

    def files(self):
        names = self.origin.git("ls-tree", "-r", "--name-only", "main", LEASES).splitlines()
        return {name: self.origin.git("show", f"main:{name}") for name in names}

    def person(self):
        self.people += 1
        return self.origin.person(f"person-{self.people}")


TestInterleavings = pytest.mark.slow(Interleavings.TestCase)
TestInterleavings.settings = settings(
    max_examples=8, stateful_step_count=16, deadline=None, suppress_health_check=list(HealthCheck)
)
