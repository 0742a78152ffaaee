"""How files and patients of one archive are called where several archives are joined."""


def joined_file(archive: str, name: str) -> str:
    """`NAME/FILE`, by which equal file names of two archives stay two files."""
    return f"{archive}/{name}"


def parted_file(name: str) -> tuple[str, str]:
    """The archive and the file's name in it."""
    archive, _, file = name.partition("/")
    return archive, file


def joined_number(archive: str, number: str) -> str:
    """The number of a patient, a study or a bag: archives number their patients each for itself, so equal numbers of
    two archives are two patients. The zero byte stands in no archive's text."""
    return f"{archive}\0{number}"
