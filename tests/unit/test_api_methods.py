"""The table of methods says who may call what, and nothing else does."""

import pytest
from google.protobuf.descriptor import ServiceDescriptor
from hypothesis import given
from hypothesis import strategies as st

from adamant.api import encryption_pb2, keys_pb2, methods
from adamant.api import node_pb2 as pb
from adamant.api.identity import Identity, Role, check_name, parse_subject
from adamant.model.errors import InputError

SERVICE = pb.DESCRIPTOR.services_by_name["Node"]


def require_same(table: tuple[methods.Method, ...], service: ServiceDescriptor) -> None:
    """The table has the methods of the contract with their messages, and no others."""
    contract = {m.name: (m.input_type.full_name, m.output_type.full_name) for m in service.methods}
    assert {m.name: (m.request.DESCRIPTOR.full_name, m.response.DESCRIPTOR.full_name) for m in table} == contract


def test_every_method_of_the_contract_stands_in_the_table_with_its_messages() -> None:
    require_same(methods.METHODS, SERVICE)


def test_enrolment_is_four_methods_which_are_not_in_the_api_of_a_node() -> None:
    service = keys_pb2.DESCRIPTOR.services_by_name["Enrolment"]
    assert service.full_name == methods.ENROLMENT_SERVICE
    require_same(methods.ENROLMENT, service)
    assert {m.name for m in methods.ENROLMENT} == {"Identify", "Prove", "OpenChallenge", "Enroll"}
    assert {m.path for m in methods.ENROLMENT}.isdisjoint(methods.BY_PATH)
    assert {m.name for m in methods.ENROLMENT}.isdisjoint(methods.BY_NAME)


def test_a_machine_that_is_shut_answers_three_methods_which_are_no_others() -> None:
    service = encryption_pb2.DESCRIPTOR.services_by_name["Recovery"]
    assert service.full_name == methods.RECOVERY_SERVICE
    require_same(methods.RECOVERY, service)
    assert {m.name for m in methods.RECOVERY} == {"Prove", "OpenChallenge", "Recover"}
    assert {m.path for m in methods.RECOVERY}.isdisjoint({m.path for m in (*methods.METHODS, *methods.ENROLMENT)})


def test_the_table_names_the_service_of_the_contract() -> None:
    assert SERVICE.full_name == methods.SERVICE
    assert methods.BY_PATH["/adamant.node.v1.Node/Version"].name == "Version"


def test_every_method_names_a_role_and_admin_may_call_all() -> None:
    for method in methods.METHODS:
        assert Role.ADMIN in method.roles
        assert method.roles <= frozenset(Role)


@pytest.mark.parametrize("role", list(Role))
def test_a_method_outside_the_table_needs_admin(role: Role) -> None:
    assert methods.may_call("/adamant.node.v1.Node/NoSuchMethod", role) is (role is Role.ADMIN)


@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_call_what_the_table_says_and_nothing_more(role: Role) -> None:
    for method in methods.METHODS:
        assert methods.may_call(method.path, role) is (role in method.roles)


def test_a_method_without_named_roles_is_for_admin_alone() -> None:
    assert methods.Method("New", pb.BootRequest, pb.BootResponse).roles == {Role.ADMIN}


@pytest.mark.parametrize("subject", ["CN=mary,O=reader", "O=reader,CN=mary"])
def test_a_subject_of_one_name_and_one_role_is_an_identity(subject: str) -> None:
    assert parse_subject(subject) == Identity("mary", Role.READER)


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "CN=mary",
        "O=admin",
        "CN=mary,O=root",
        "CN=mary,O=Admin",
        "CN=mary,O=reader,O=admin",
        "O=admin,CN=mary,O=reader",
        "CN=mary,CN=john,O=admin",
        "CN=mary\\,O=admin,O=reader",
        "CN=a+O=admin,O=reader",
        "CN=mary,O=admin\n",
        " CN=mary,O=admin",
        "CN=mary, O=admin",
        "CN=mary,O=admin,OU=x",
        "CN=#0403,O=admin",
        "CN=,O=admin",
    ],
)
def test_a_subject_that_could_be_read_otherwise_is_nobody(subject: str) -> None:
    assert parse_subject(subject) is None


@given(st.text(max_size=80))
def test_no_name_can_raise_a_role(name: str) -> None:
    try:
        check_name(name)
    except InputError:
        return
    assert parse_subject(f"CN={name},O=reader") == Identity(name, Role.READER)


@given(st.text(max_size=200))
def test_any_subject_is_an_identity_or_nobody(subject: str) -> None:
    found = parse_subject(subject)
    assert found is None or subject in {f"CN={found.name},O={found.role}", f"O={found.role},CN={found.name}"}
