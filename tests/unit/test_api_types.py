"""Answers as plain values: complete, and safe from a node that is newer than this client."""

import msgspec

from adamant.api import node_pb2 as pb
from adamant.api import types
from adamant.model.posture import Posture


def test_every_field_of_an_answer_has_its_place_in_the_plain_value() -> None:
    pairs: list[tuple[type[object], type[msgspec.Struct]]] = [
        (pb.VersionResponse, types.Version),
        (pb.HealthResponse, types.Health),
        (pb.HealthCheck, types.HealthCheck),
        (pb.BootResponse, types.Boot),
        (pb.BootPhase, types.BootPhase),
        (pb.UnitTime, types.UnitTime),
    ]
    for message, plain in pairs:
        descriptor = message.DESCRIPTOR  # type: ignore[attr-defined]
        assert [field.name for field in descriptor.fields] == list(plain.__struct_fields__)


def test_every_value_of_an_enum_has_its_plain_name() -> None:
    for enum, prefix, plain in (
        (pb.CheckState, "CHECK_STATE_", types.CheckState),
        (pb.SecureBoot, "SECURE_BOOT_", types.SecureBoot),
        (pb.Verity, "VERITY_", types.Verity),
    ):
        assert [name.removeprefix(prefix).lower() for name in enum.keys()] == [p.value for p in plain]  # noqa: SIM118
    assert {n.removeprefix("POSTURE_").lower() for n in pb.Posture.keys()} == {"unspecified", *Posture}  # noqa: SIM118


def test_a_value_that_this_client_does_not_know_is_unspecified() -> None:
    unknown = b"\x08\x63\x12\x04\x0a\x00\x10\x63"  # overall = 99, a check whose state is 99
    health = types.health_from(pb.HealthResponse.FromString(unknown))
    assert health.overall is types.CheckState.UNSPECIFIED
    assert health.checks[0].state is types.CheckState.UNSPECIFIED
    assert types.version_from(pb.VersionResponse.FromString(b"\x20\x63")).posture is None


def test_an_answer_is_one_json_object() -> None:
    boot = types.boot_from(
        pb.BootResponse(
            slot="usr-a",
            verity=pb.VERITY_VERIFIED,
            phases=[pb.BootPhase(name="initrd", start_usec=1, duration_usec=2, parts=[pb.BootPhase(name="slot")])],
        )
    )
    decoded = msgspec.json.decode(types.to_json(boot))
    assert decoded["slot"] == "usr-a"
    assert decoded["verity"] == "verified"
    assert decoded["phases"][0]["parts"][0]["name"] == "slot"


def test_plain_values_are_frozen() -> None:

    assert all(t.__struct_config__.frozen for t in (types.Version, types.Health, types.Boot))
