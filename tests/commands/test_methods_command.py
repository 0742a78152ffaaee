"""`medhash methods`: every row of the catalogue, and one row with all its settings, without torch."""

import subprocess
import sys
from dataclasses import asdict

import pytest

from medhash.cli import main
from medhash.hashing.catalogue import CATALOGUE
from medhash.hashing.method_types import DeepMethod, TwoStepMethod

DEEP = {name: row for name, row in CATALOGUE.items() if isinstance(row, DeepMethod | TwoStepMethod)}


def test_every_method_has_a_line_with_its_type_title_and_source(capsys):
    assert main(["methods"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(CATALOGUE)
    for line, method in zip(lines, CATALOGUE.values(), strict=True):
        assert line.split()[1] == method.type_name
        assert method.title in line
        assert line.endswith(method.source)


@pytest.mark.parametrize("name", DEEP)
def test_one_method_shows_every_setting_of_network_objective_and_recipe(name, capsys):
    assert main(["methods", name]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    method = DEEP[name].network if isinstance(DEEP[name], TwoStepMethod) else DEEP[name]
    for settings in (method.network, asdict(method.objective), asdict(method.recipe)):
        for key, value in settings.items():
            assert [key, str(value)] in [row[:2] for row in rows]


def test_a_value_other_than_the_default_shows_the_default_and_what_it_means(capsys):
    main(["methods", "osdh"])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["ranking", "0.5", "(default", "0.1)", "λ_R"] for line in lines)
    assert any(line.split()[:3] == ["margin", "5.0", "ρ,"] for line in lines)


def test_shallow_and_unbinarised_methods_say_what_they_are_made_of(capsys):
    main(["methods", "itq-1024"])
    main(["methods", "drh-nb-18"])
    printed = capsys.readouterr().out
    assert "fit_itq in medhash/hashing/shallow/itq.py" in printed
    assert "gist-1024" in printed
    assert ["method", "drh-18"] in [line.split() for line in printed.splitlines()]


def test_an_unknown_name_is_an_error_with_the_nearest_one(capsys):
    assert main(["methods", "drh18"]) == 1
    assert "did you mean drh-18" in capsys.readouterr().err


def test_it_needs_no_torch():
    code = "import sys; from medhash.cli import main; main(['methods', 'csq']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0
