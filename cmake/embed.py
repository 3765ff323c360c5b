"""A file's bytes as the initialisers of a C array: #include the result between two braces."""
import sys


def main(source, target):
    with open(source, "rb") as f:
        content = f.read()
    lines = [", ".join(str(byte) for byte in content[at:at + 24])
             for at in range(0, len(content), 24)]
    with open(target, "w", encoding="ascii") as f:
        f.write(",\n".join(lines) + "\n")


main(*sys.argv[1:])
