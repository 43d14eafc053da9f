"""Messages as plain values, and tables of them."""

from adamant.api import node_pb2 as pb
from adamant.api import resources
from adamant.api import resources_pb2 as kinds
from adamant.api.resources import Column, Format, Kind, Resource
from adamant.cli.node import table


def test_a_message_is_a_dict_with_every_field() -> None:
    message = kinds.Container(namespace="n", pid=7, labels={"b": "2", "a": "1"})
    found = resources.plain(message)
    assert list(found) == [field.name for field in kinds.Container.DESCRIPTOR.fields]
    assert (found["pid"], found["image"], found["labels"]) == (7, "", {"a": "1", "b": "2"})
    assert resources.plain(message, whole=False) == {"namespace": "n", "pid": 7, "labels": {"a": "1", "b": "2"}}


def test_enumerations_are_names_and_messages_in_messages_are_dicts() -> None:
    boot = pb.BootResponse(verity=pb.VERITY_VERIFIED, phases=[pb.BootPhase(name="kernel", duration_usec=5)])
    found = resources.plain(boot)
    assert (found["verity"], found["secure_boot"]) == ("verified", "unspecified")
    assert found["phases"] == [{"name": "kernel", "start_usec": 0, "duration_usec": 5, "parts": []}]
    check = resources.plain(pb.HealthCheck(state=pb.CHECK_STATE_OK))
    assert check["state"] == "ok"
    assert "spec" not in resources.plain(pb.WatchResponse())
    assert resources.plain(pb.WatchResponse(change=pb.CHANGE_READY)) == {"change": "ready"}


def test_a_resource_without_an_actual_state_has_none() -> None:
    message = pb.Resource(name="/var", desired=pb.Spec(mount=kinds.Mount(access="writable")), reason="gone")
    found = resources.resource_from(message)
    assert found == Resource("/var", None, {"access": "writable"}, "gone")


def test_a_kind_that_a_newer_node_has_is_shown_without_fields() -> None:
    newer = pb.Resource(name="x", actual=pb.Spec.FromString(b"\xfa\x3e\x00"))
    assert resources.resource_from(newer).actual == {}


def test_what_lies_at_a_path_is_found_through_lists() -> None:
    value = {"a": {"b": 1}, "parts": [{"label": "x"}, {"label": "y"}]}
    assert resources.at(value, "a.b") == 1
    assert resources.at(value, "parts.label") == ["x", "y"]
    assert resources.at(value, "a.c.d") is None
    assert resources.at(None, "a") is None


COLUMNS = (
    Column("STATE", "active", Format.UNSPECIFIED),
    Column("MEMORY", "memory_bytes", Format.BYTES),
    Column("SINCE", "since_usec", Format.TIME),
)


def _service(name: str, memory: int, reason: str = "") -> Resource:
    return Resource(
        name, {"active": "active", "memory_bytes": memory, "since_usec": 1_795_856_527_000_000}, None, reason
    )


def test_a_table_lines_its_columns_up() -> None:
    kind = Kind("services", "", COLUMNS)
    assert table.lines(kind, [_service("a.service", 1536), _service("long.service", 0)]) == [
        "NAME          STATE    MEMORY  SINCE",
        "a.service     active  1.5 KiB  2026-11-28 09:02:07",
        "long.service  active        -  2026-11-28 09:02:07",
    ]
    assert table.lines(kind, []) == ["no services"]


def test_a_table_says_why_something_is_not_as_it_should_be() -> None:
    found = table.lines(Kind("services", "", COLUMNS[:1]), [_service("a", 0), _service("b", 0, "it failed")])
    assert found == ["NAME  STATE   REASON", "a     active  -", "b     active  it failed"]
    gone = table.lines(Kind("mounts", "", COLUMNS), [Resource("/var", None, {}, "nothing is mounted there")])
    assert gone[1].split("  ")[0] == "/var"
    assert gone[1].endswith("nothing is mounted there")


def test_lines_are_as_wide_as_the_terminal() -> None:
    assert table.cut("abcdef", 4) == "abc…"
    assert table.cut("abcd", 4) == "abcd"
    assert table.cut("abcdef", 0) == "abcdef"


def test_values_are_as_people_read_them() -> None:
    assert [table.size(n) for n in (1, 1023, 1024, 1 << 30)] == ["1 B", "1023 B", "1.0 KiB", "1.0 GiB"]
    times = (500, 3_400_000, 123_000_000, 5 * 3_600_000_000 + 420_000_000, 100 * 3_600_000_000)
    assert [table.duration(n) for n in times] == ["1ms", "3.4s", "2m03s", "5h07m", "4d4h"]
    assert table.moment(1 << 62) == str(1 << 62)
    assert table.cell(0, Format.ID) == table.cell(0, Format.TIME) == table.cell([], Format.UNSPECIFIED) == "-"
    assert table.cell("sha256:0123456789abcdef", Format.DIGEST) == "0123456789ab"
    assert table.cell(True, Format.UNSPECIFIED) == "yes"
    assert table.cell("a\x1b[2Jb\n", Format.UNSPECIFIED) == "a [2Jb "
    assert table.cell(0, Format.UNSPECIFIED) == "0"
    assert table.cell(12.34, Format.PERCENT) == "12.3%"
