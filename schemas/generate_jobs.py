"""jobs.yaml -> jobs.def: JOB_SUBJECT(name, NAME) per subject and JOB_KIND(name, NAME, subject, media,
runner, lane, outputs, result, next, loss, yields, measure, cost, deadline) per kind, in C's words; and
job_words.h: the kinds as the words of a setting."""
import re
import sys

import yaml

KEYS = {"subject", "media", "runner", "lane", "outputs", "result", "next", "loss", "yields",
        "measure", "cost", "deadline"}
COST = {"start_ms", "per_s"}
DEADLINE = {"start_ms", "per_s", "most_ms"}
PRODUCTS = ["thumbnail", "rendition", "mask"]
TYPES = ["image", "video", "audio", "document"]
DEADLINE_MOST_MS = 86400000  # wire.yaml, job


class Schema:
    def __init__(self, source):
        self.source = source
        with open(source, encoding="utf-8") as f:
            tree = yaml.safe_load(f)
        if set(tree) != {"lanes", "subjects", "kinds"}:
            self.refuse("needs exactly lanes, subjects and kinds")
        self.lanes, self.subjects, self.kinds = tree["lanes"], tree["subjects"], tree["kinds"]
        for name in (*self.lanes, *self.subjects, *self.kinds):
            self.check_name(name)
        for name, row in self.kinds.items():
            self.check_kind(name, row)
        for media in TYPES[:3]:
            if not any(media in row["media"] for row in self.kinds.values()):
                self.refuse(f"no kind looks into media of the type {media}")

    def refuse(self, why):
        sys.exit(f"{self.source}: {why}")

    def check_name(self, name):
        if not re.fullmatch(r"[a-z][a-z_]*", str(name)):
            self.refuse(f"{name} is not a name")

    def check_one_of(self, name, key, value, values):
        if value not in values:
            self.refuse(f"{name}: {key} is none of {', '.join(values)}")

    def check_kind(self, name, row):
        if set(row) != KEYS or set(row["cost"]) != COST or set(row["deadline"]) != DEADLINE:
            self.refuse(f"{name} needs exactly {', '.join(sorted(KEYS))}")
        self.check_one_of(name, "subject", row["subject"], self.subjects)
        self.check_one_of(name, "lane", row["lane"], self.lanes)
        self.check_one_of(name, "next", row["next"], ["none", *self.kinds])
        self.check_one_of(name, "loss", row["loss"], ["media", "rendition"])
        for key, values in (("media", TYPES), ("outputs", PRODUCTS)):
            for value in row[key]:
                self.check_one_of(name, key, value, values)
        for key in ("runner", "result"):
            self.check_name(row[key])
        self.check_one_of(name, "measure", row["measure"], ["bytes", "pixels"])
        self.check_one_of(name, "yields", row["yields"], [True, False])
        deadline, cost = row["deadline"], row["cost"]
        if not 0 < deadline["start_ms"] <= deadline["most_ms"] <= DEADLINE_MOST_MS or deadline["per_s"] < 1:
            self.refuse(f"{name}: its deadline is none")
        if not 0 < cost["start_ms"] < deadline["start_ms"] or cost["per_s"] < deadline["per_s"]:
            self.refuse(f"{name}: its cost is none, or above its deadline")


def bits(prefix, names):
    return " | ".join(f"1u << {prefix}_{name.upper()}" for name in names) or "0u"


def budget(row):
    """Of core/base/budget.h, as one argument of a macro."""
    return f"BUDGET({row['start_ms']}, {row['per_s']}, {row['most_ms']})"


def kind_row(name, row):
    upper = str.upper
    cost = {**row["cost"], "most_ms": row["deadline"]["most_ms"]}
    following = "JOB_KIND_COUNT" if row["next"] == "none" else f"JOB_{upper(row['next'])}"
    words = [name, upper(name), f"SUBJECT_{upper(row['subject'])}", bits("MEDIA", row["media"]),
             row["runner"], f"LANE_{upper(row['lane'])}", bits("VARIANT", row["outputs"]), row["result"],
             following, f"LOSS_{upper(row['loss'])}", str(row["yields"]).lower(),
             f"MEASURE_{upper(row['measure'])}", budget(cost), budget(row["deadline"])]
    return f"JOB_KIND({', '.join(words)})"


def table(schema):
    rows = [f"JOB_SUBJECT({name}, {name.upper()})" for name in schema.subjects]
    return ["#ifdef JOB_SUBJECT", *rows, "#endif", "#ifdef JOB_KIND",
            *(kind_row(name, row) for name, row in schema.kinds.items()), "#endif"]


def words(schema):
    kinds = list(schema.kinds)
    lines = ["#pragma once", f'#define JOB_KIND_WORDS "{",".join(kinds)}"',
             f'#define JOB_KIND_CHOICE "{"|".join(kinds)}"']
    for runner in sorted({row["runner"] for row in schema.kinds.values()}):
        own = [name for name, row in schema.kinds.items() if row["runner"] == runner]
        lines.append(f'#define JOB_KINDS_OF_{runner.upper()} "{",".join(own)}"')
    return lines


def write(target, lines):
    with open(target, "w", encoding="utf-8") as f:
        f.write("\n".join(["/* Generated from schemas/jobs.yaml; do not edit. */", *lines]) + "\n")


def main(source, jobs_def, job_words):
    schema = Schema(source)
    write(jobs_def, table(schema))
    write(job_words, words(schema))


main(*sys.argv[1:])
