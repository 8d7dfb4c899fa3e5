"""The schema of configurations, for editors: what it accepts and what it doesn't."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from command_line import TINY

ROOT = Path(__file__).parents[1]
FILES = [*sorted((ROOT / "configs").rglob("*.yaml")), ROOT / "weights" / "reference.yaml", TINY]


@pytest.fixture(scope="module")
def schema():
    return json.loads((ROOT / "docs" / "configuration.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def complaints(schema):
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    return lambda content: [error.message for error in validator.iter_errors(content)]


def test_it_is_what_the_parser_of_fit_says(schema):
    """In a process of its own: what other tests have imported changes the classes there are."""
    code = "import json, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1])['schema']()))"
    script = str(ROOT / "docs" / "configuration_schema.py")
    result = subprocess.run(
        [sys.executable, "-c", code, script], capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout) == schema, "run python docs/configuration_schema.py"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_is_accepted(path, complaints):
    assert not complaints(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_the_resolved_configuration_of_a_run_is_accepted(tiny_run, complaints):
    assert not complaints(yaml.safe_load((tiny_run / "config.yaml").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "content",
    [
        {"modell": {}},
        {"model": {"learning_rates": 1e-3}},
        {"model": {"learning_rate": "fast"}},
        {"trainer": {"max_epoch": 4}},
        {"data": {"two_points": {"cases": 4}}},
        {"experiment": {"system_matrix": {"paths": "matrix.mdf"}}},
        {"experiment": {"scanner": {"gradient_x": 2.5}}},
        {"experiment": {"scanner": {"particle": {"core_diameter_mm": 2}}}},
        {"experiment": {"phantoms": {"bars": {"class_path": "Bars", "init_args": {"width": 1}}}}},
        {"model": {"strategy": {"class_path": "Staged", "init_args": {"share": 0.3}}}},
        {
            "experiment": {
                "preliminary": {
                    "class_path": "mpi_cascade.models.preliminary.SpectralInverse",
                    "init_args": {"num_filter": 4},
                }
            }
        },
    ],
    ids=str,
)
def test_a_misspelt_key_is_refused(content, complaints):
    assert complaints(content)


@pytest.mark.parametrize(
    "content",
    [
        {"data": {"training_seed": "${seed_everything}"}},
        {"experiment": {"system_matrix": {"path": "matrix.mdf"}}},
        {"experiment": {"refinement": "my_file.Network"}},
        {"experiment": {"refinement": {"class_path": "my.Network", "init_args": {"width": 3}}}},
        {"model": {"schedule": {"class_path": "my_file.Schedule", "init_args": {"warmup": 0.1}}}},
        {"trainer": {"callbacks": [{"class_path": "my_file.Callback"}]}},
    ],
    ids=str,
)
def test_references_and_classes_of_others_are_accepted(content, complaints):
    assert not complaints(content)
