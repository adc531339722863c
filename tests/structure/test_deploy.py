"""What deploy/ holds is well formed, closed where it should be, and names only what exists."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from engine import __version__
from engine.cli.main import cli
from engine.configuration import settings_help
from engine.configuration.files import groups, options
from engine.configuration.schema import keys, secret_keys

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
KUBERNETES = "1.34"

# Beside what the settings name: Ray's own, and what the image says to Python.
OF_OTHERS = {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"}
OF_OTHERS.add("RAY_num_workers_soft_limit")
OF_OTHERS |= {"HOME", "PATH"}

# Of kinds that come with an operator Kubernetes has no schema. Of KubeRay's none is to be had from a package: these are
# the fields that we use, as ray-operator/apis/ray/v1 has them. Their pods are checked as pods.
OF_OPERATORS = {"RayCluster", "RayJob", "PodMonitor"}
Fields = dict[str, type | tuple[type, ...]]
GROUP: Fields = {"rayStartParams": dict, "template": dict}
RAY_FIELDS: dict[str, Fields] = {
    "spec": {
        "rayVersion": str,
        "authOptions": dict,
        "enableInTreeAutoscaling": bool,
        "autoscalerOptions": dict,
        "headGroupSpec": dict,
        "workerGroupSpecs": list,
    },
    "authOptions": {"mode": str, "secretName": str},
    "autoscalerOptions": {"upscalingMode": str, "idleTimeoutSeconds": int, "resources": dict, "securityContext": dict},
    "headGroupSpec": GROUP,
    "workerGroupSpecs": {**GROUP, "groupName": str, "replicas": int, "minReplicas": int, "maxReplicas": int},
    "RayJob": {
        "entrypoint": str,
        "submissionMode": str,
        "backoffLimit": int,
        "shutdownAfterJobFinishes": bool,
        "ttlSecondsAfterFinished": int,
        "rayClusterSpec": dict,
    },
}


def manifests(*, examples: bool = True) -> list[dict[str, Any]]:
    """Every document of deploy/k8s but kustomize's own."""
    found = []
    for path in sorted((DEPLOY / "k8s").glob("*.yaml")):
        if path.stem not in ("kustomization", "kinds") and (examples or ".example" not in path.name):
            found += list(yaml.safe_load_all(path.read_text("utf-8")))
    return found


MANIFESTS = manifests()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text("utf-8"))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((DEPLOY / "k8s" / "kustomization.yaml").read_text("utf-8"))


def name_of(manifest: dict[str, Any]) -> str:
    metadata = manifest["metadata"]
    return f"{manifest['kind']}/{metadata.get('name') or metadata['generateName']}"


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [manifest for manifest in MANIFESTS if manifest["kind"] in kinds]


def cluster_spec(manifest: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]
    return spec.get("rayClusterSpec", spec) if manifest["kind"] == "RayJob" else spec


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod template, with a name for it."""
    for manifest in of_kind("Deployment"):
        yield name_of(manifest), manifest["spec"]["template"]
    for manifest in of_kind("RayCluster", "RayJob"):
        spec = cluster_spec(manifest)
        yield f"{name_of(manifest)} head", spec["headGroupSpec"]["template"]
        for group in spec["workerGroupSpecs"]:
            yield f"{name_of(manifest)} {group['groupName']}", group["template"]


PODS = dict(pods())


# -- well formed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("manifest", [each for each in MANIFESTS if each["kind"] not in OF_OPERATORS], ids=name_of)
def test_a_manifest_is_what_kubernetes_takes(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


@pytest.mark.parametrize("template", PODS.values(), ids=PODS.keys())
def test_a_pod_is_what_kubernetes_takes(template: dict[str, Any]) -> None:
    pod = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "any"}, "template": template}
    kubernetes_validate.validate(pod, KUBERNETES, strict=True)


@pytest.mark.parametrize("manifest", of_kind("RayCluster", "RayJob"), ids=name_of)
def test_of_kuberays_kinds_only_known_fields_are_used(manifest: dict[str, Any]) -> None:
    if manifest["kind"] == "RayJob":
        assert_fields(manifest["spec"], "RayJob")
    spec = cluster_spec(manifest)
    assert_fields(spec, "spec")
    for part in ("authOptions", "autoscalerOptions", "headGroupSpec"):
        assert_fields(spec[part], part)
    for group in spec["workerGroupSpecs"]:
        assert_fields(group, "workerGroupSpecs")
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values()), "KubeRay takes texts alone"


def assert_fields(part: dict[str, Any], kind: str) -> None:
    known = RAY_FIELDS[kind]
    assert {name: value for name, value in part.items() if not isinstance(value, known.get(name, ()))} == {}


def test_the_kustomization_names_the_files_that_are_no_examples() -> None:
    files = {path.name for path in (DEPLOY / "k8s").glob("*.yaml") if ".example" not in path.name}
    assert set(KUSTOMIZATION["resources"]) == files - {"kustomization.yaml", "kinds.yaml"}
    (image,) = KUSTOMIZATION["images"]
    assert image["newTag"] == __version__


def test_the_dockerfile_has_no_complaint_of_hadolint() -> None:
    linted = subprocess.run([BIN / "hadolint", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")


def test_the_compose_file_is_one() -> None:
    compose = str(DEPLOY / "docker-compose.yaml")
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", compose]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_has_its_sections_and_each_directive_is_one(unit: Path) -> None:
    lines = [line for line in unit.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if line.startswith("[")] == ["[Unit]", "[Service]", "[Install]"]
    assert [line for line in lines if not re.fullmatch(r"\[\w+\]|[A-Z]\w+=.*", line)] == []


# -- closed where it should be --------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", PODS.values(), ids=PODS.keys())
def test_no_pod_has_rights_that_it_does_not_need(template: dict[str, Any]) -> None:
    spec = template["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]["limits"]) == set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert "httpGet" in container["readinessProbe"]
        assert "livenessProbe" in container
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}, "a program must write somewhere"


@pytest.mark.parametrize("template", PODS.values(), ids=PODS.keys())
def test_every_secret_comes_from_a_secret_that_the_example_has(template: dict[str, Any]) -> None:
    there = {(secret["metadata"]["name"], key) for secret in of_kind("Secret") for key in secret["stringData"]}
    for container in template["spec"]["containers"]:
        for variable in container["env"]:
            if variable["name"] in secret_variables():
                wanted = variable["valueFrom"]["secretKeyRef"]
                assert (wanted["name"], wanted["key"]) in there
            else:
                assert "secretKeyRef" not in variable.get("valueFrom", {})


@pytest.mark.parametrize("manifest", of_kind("RayCluster", "RayJob"), ids=name_of)
def test_ray_asks_for_a_token(manifest: dict[str, Any]) -> None:
    assert cluster_spec(manifest)["authOptions"] == {"mode": "token", "secretName": "funnel-clone-ray"}


def test_rays_ports_are_closed_to_all_but_the_engines_own_pods() -> None:
    kept = [found for found in manifests(examples=False) if found["kind"] == "NetworkPolicy"]
    policies = {found["metadata"]["name"]: found["spec"] for found in kept}
    assert policies["nothing-comes-in"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    labels = {"app.kubernetes.io/name": "ray"}
    for_ray = [spec for spec in policies.values() if spec["podSelector"].get("matchLabels") == labels]
    (policy,) = for_ray
    ours, operators = policy["ingress"]
    assert ours == {"from": [{"podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "funnel-clone"}}}]}
    assert operators["ports"] == [{"protocol": "TCP", "port": 8265}], "where it asks how jobs are"
    for place, template in PODS.items():
        assert template["metadata"]["labels"]["app.kubernetes.io/part-of"] == "funnel-clone"
        assert (template["metadata"]["labels"]["app.kubernetes.io/name"] == "ray") == place.startswith("Ray")


def test_the_head_is_not_taken_away_in_the_middle_of_a_pass() -> None:
    (head,) = [found for found in of_kind("PodDisruptionBudget") if found["metadata"]["name"] == "funnel-clone-head"]
    (cluster,) = of_kind("RayCluster")
    assert head["spec"]["maxUnavailable"] == 0
    assert head["spec"]["selector"]["matchLabels"]["ray.io/cluster"] == cluster["metadata"]["name"]


def test_compose_publishes_on_loopback_alone_and_has_no_secret_of_its_own() -> None:
    for name, service in COMPOSE["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        for variable, value in service.get("environment", {}).items():
            if variable in secret_variables() - {"MONGO_URI"}:
                assert value.startswith(f"${{{variable}:?"), "asked for, never given"
        if service.get("image") == "funnel-clone":
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_hardened_and_its_secrets_lie_in_a_file(unit: Path) -> None:
    text = unit.read_text("utf-8")
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "User=funnel-clone"):
        assert f"\n{line}\n" in text
    assert "\nEnvironmentFile=/etc/funnel-clone/environment\n" in text
    assert not [name for name in secret_variables() if f"{name}=" in text]


def test_the_image_holds_no_secret_and_runs_as_nobody_in_particular() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["10001:10001"]
    assert not [name for name in secret_variables() if name in text]
    # Nothing is sent to the builder but what the wheel is built of.
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split("\n")
    copied = {name for line in re.findall(r"^COPY (?!--)(.+) \S+$", text, re.MULTILINE) for name in line.split()}
    assert "*" in ignored
    assert copied == {line[1:] for line in ignored if line.startswith("!")}


# -- names only what exists -----------------------------------------------------------------------------------------


@cache
def known_variables() -> set[str]:
    """What sets a setting, here or by the contract, and what is Ray's."""
    of_settings = set(re.findall(r"\b[A-Z][A-Z0-9_]{3,}\b", settings_help()))
    (table,) = re.findall(r"\| from the environment \|.*?\n\n", contract(), re.DOTALL)
    return of_settings | set(re.findall(r"`([A-Z][A-Z0-9_]+)`", table)) | OF_OTHERS


@cache
def secret_variables() -> set[str]:
    lines = [line.split() for line in settings_help().splitlines()]
    secret = {line[-1] for line in lines if line[0] in secret_keys() and line[-1].isupper()}
    return secret | {"RAY_AUTH_TOKEN", "GATEWAY_JWT_SECRET", "GATEWAY_OPERATOR_TOKEN"}


def contract() -> str:
    return (ROOT / "docs" / "contract.md").read_text("utf-8")


def variables() -> Iterator[tuple[str, str]]:
    """(place, variable) of all that is set anywhere."""
    for place, template in PODS.items():
        for container in template["spec"]["containers"]:
            yield from ((place, variable["name"]) for variable in container["env"])
    for literal in KUSTOMIZATION["configMapGenerator"][0]["literals"]:
        yield "configMap", literal.partition("=")[0]
    for name, service in COMPOSE["services"].items():
        yield from ((f"compose {name}", variable) for variable in service.get("environment", {}))
    for path in (*UNITS, DEPLOY / "systemd" / "environment.example", DEPLOY / ".env.example"):
        for line in path.read_text("utf-8").splitlines():
            told = line.removeprefix("Environment=") if path in UNITS else line
            if path not in UNITS or told != line:
                yield from ((path.name, name) for name in re.findall(r"(?:^|\s)([A-Z][A-Z0-9_]+)=", told))


def commands() -> Iterator[tuple[str, list[str]]]:
    """(place, arguments of funnel-clone) of all that is run anywhere."""
    for manifest in of_kind("Deployment"):
        for container in manifest["spec"]["template"]["spec"]["containers"]:
            yield name_of(manifest), container["args"]
    for manifest in of_kind("RayJob"):
        yield name_of(manifest), manifest["spec"]["entrypoint"].split()[1:]
    for name, service in COMPOSE["services"].items():
        if service.get("image") == "funnel-clone" and "entrypoint" not in service:
            yield f"compose {name}", service["command"]
    for unit in UNITS:
        for line in re.findall(r"^ExecStart=\S+/funnel-clone (.+)$", unit.read_text("utf-8"), re.MULTILINE):
            yield unit.name, line.split()


@pytest.mark.parametrize(("place", "variable"), sorted(set(variables())))
def test_every_variable_that_is_set_is_read(place: str, variable: str) -> None:
    assert variable in known_variables()


@pytest.mark.parametrize(
    ("place", "arguments"), list(commands()), ids=lambda told: told if isinstance(told, str) else ""
)
def test_every_command_and_every_override_exists(place: str, arguments: list[str]) -> None:
    command, *rest = arguments
    promised = set(re.findall(r"`([a-z]+)[` ]", "".join(re.findall(r"^\| (`.+?) \|", contract(), re.MULTILINE))))
    assert command in cli.commands or command in promised
    overrides = [argument for argument in rest if not argument.startswith("--")]
    assert {argument for argument in rest if argument.startswith("--")} <= {"--json", "--drain"}
    for override in overrides:
        key, _, value = override.partition("=")
        assert value in options(key) if key in groups() else key in keys()
        assert key not in secret_keys(), "everyone sees a command line"


def test_all_that_the_engine_needs_is_set() -> None:
    set_by_map = {literal.partition("=")[0] for literal in KUSTOMIZATION["configMapGenerator"][0]["literals"]}
    needed = {"MONGO_URI", "S3_BUCKET", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    for template in PODS.values():
        for container in template["spec"]["containers"]:
            assert container["envFrom"] == [{"configMapRef": {"name": KUSTOMIZATION["configMapGenerator"][0]["name"]}}]
            assert needed <= set_by_map | {variable["name"] for variable in container["env"]}
    for service in COMPOSE["services"].values():
        if service.get("image") == "funnel-clone":
            assert needed <= service["environment"].keys()


def test_the_documents_say_what_is_checked_and_what_is_not() -> None:
    told = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    for path in (*DEPLOY.glob("*"), *DEPLOY.glob("*/*")):
        if path.is_file() and path.name not in ("kinds.yaml", "namespace.yaml", "serviceaccount.yaml"):
            assert path.name in told, "a file that nobody is told of"
    assert json.loads((DEPLOY / "grafana" / "funnel-clone.json").read_text("utf-8"))["uid"] == "funnel-clone"
