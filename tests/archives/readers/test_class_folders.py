"""Folders that say what their images show: in folders and tars, with groups of near duplicates or without."""

import pytest
from forgetting import forget
from named_archive import KEY, NamedArchive
from watching import age, opened_files

from medhash.archives.pseudonyms import pseudonyms

PATHS = [
    "set/benign/98765431 (1).png",
    "set/benign/98765431 (1)_mask.png",
    "set/normal/98765432.png",
    "set/normal/deep/98765433.png",
    "other/98765434.png",
]
FOLDERS = {
    "set/benign": {"modality": "ultrasound", "organ": "breast", "pathology": "benign"},
    "set/normal": {"modality": "ct", "organ": "chest"},
}
GROUPS = """path,near_duplicate_group,remark
set/benign/98765431 (1).png,98765439,x
./set/normal/98765432.png,98765439,x
set/normal/deep/98765433.png,,x
elsewhere/98765435.png,98765438,x
"""


class ClassFolders(NamedArchive):
    def __init__(self, root):
        super().__init__(root, "class_folders", PATHS)
        self.chosen = {"folders": FOLDERS, "skip": ["*_mask*.png"]}

    def ingest(self, *options, **sections):
        return super().ingest(*options, **{"class_folders": self.chosen, **sections})

    def group(self, text: str = GROUPS) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "groups.csv").write_text(text)
        self.chosen = self.chosen | {"groups": {"file": "groups.csv", "group_column": "near_duplicate_group"}}


@pytest.fixture
def archive(tmp_path, monkeypatch) -> ClassFolders:
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    return ClassFolders(tmp_path)


@pytest.mark.parametrize("tar", ["", "set.tar", "set.tar.gz"])
def test_a_folder_says_modality_organ_and_pathology_of_its_images_and_of_those_further_in(tar, archive, capsys):
    archive.write(tar)
    assert archive.ingest() == 0
    assert [(row["source_row"], row["modality"], row["organ"], row["labels"]) for row in archive.taken()] == [
        (2, "ultrasound", "breast", {"pathology": ["benign"]}),
        (4, "ct", "chest", {}),
        (5, "ct", "chest", {}),
    ]
    assert archive.taken()[0]["patient_id"] == pseudonyms(KEY.encode(), "patient", [PATHS[0]])[0]
    assert archive.refused() == []
    output = capsys.readouterr()
    assert "1 images left out, which lie in no folder of ingest.class_folders.folders" in output.out
    assert "1 images left out, which are named as ingest.class_folders.skip says: *_mask*.png" in output.out
    assert "9876" not in output.out + output.err
    assert set(archive.mentions("9876")) <= {"sources.parquet", "files.sqlite"}, "which are private"


def test_an_archive_may_be_the_tar_itself(archive):
    archive.write("set.tar")
    assert archive.ingest(archive="hospital/set.tar") == 0
    assert len(archive.taken()) == 3


def test_a_group_of_near_duplicates_is_one_patient_and_an_image_without_group_is_refused(archive):
    archive.write()
    archive.group()
    assert archive.ingest(by="patient") == 0
    assert archive.bags() == [[2, 4]]
    assert archive.taken()[0]["patient_id"] == pseudonyms(KEY.encode(), "patient", ["98765439"])[0]
    assert archive.refused() == [(5, "empty_patient")]


@pytest.mark.parametrize("tar", ["", "set.tar"])
def test_a_second_run_reads_nothing_and_a_forgotten_group_leaves_no_name(tar, archive):
    archive.write(tar)
    archive.group(GROUPS.replace("33.png,,x", "33.png,98765437,x"))
    age(archive.folder)
    assert archive.ingest() == 0
    with opened_files() as opened:
        assert archive.ingest() == 0
    assert not [name for name in opened if name.endswith((".png", ".tar"))]
    forget(archive.workspace.root, "98765439")
    assert archive.ingest() == 0
    assert [row["source_row"] for row in archive.taken()] == [5]
    assert archive.mentions("98765432") == [], "neither in a table nor in the memo"


@pytest.mark.parametrize(
    ("changes", "groups", "told"),
    [
        ({"folders": {}}, "", "ingest.class_folders.folders is empty"),
        ({"folders": {**FOLDERS, "set/benin": FOLDERS["set/benign"]}}, "", "holds no image in the folder set/benin"),
        (
            {"folders": {"set": {"modality": "photo", "organ": "breast"}}},
            "",
            "folders: set.modality: photo is not known",
        ),
        ({"groups": {"file": "absent.csv"}}, "", "absent.csv does not exist"),
        ({}, "path,group\na,b\n", "column 'near_duplicate_group' is missing"),
        ({}, "path,near_duplicate_group\n98765437.png,1\n", "names no image of"),
        (
            {},
            GROUPS + "set/normal/98765432.png,1,x\n",
            "line 6: an earlier line puts the same image into another group",
        ),
        ({}, GROUPS + "98765432.png\n", "line 6: 1 fields"),
    ],
)
def test_a_mistake_is_named_without_naming_an_image(changes, groups, told, archive, capsys):
    archive.write()
    if groups:
        archive.group(groups)
    archive.chosen |= changes
    assert archive.ingest() == 1
    error = capsys.readouterr().err
    assert told in error
    assert "9876" not in error


def test_an_archive_without_images_says_so(archive, capsys):
    archive.files = {"set/readme.txt": b"x"}
    archive.write()
    assert archive.ingest() == 1
    assert "holds no PNG or JPEG file" in capsys.readouterr().err
