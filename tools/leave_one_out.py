"""Does the class come from the item or from the file? Trained without each source in turn, tested on that source.

    python tools/leave_one_out.py OUT --pack PACK --minutes 8
    python tools/leave_one_out.py OUT --pack PACK -- --steps 400 --batch 16

For every source of the pack: a training without it, then its held-out objects measured with those weights and with
weights that have seen every source, trained in the same way unless --model names some. A detector that had learned how
the pictures of a source are cut, coded or lit, and not what is in them, would name the items of a source that it has
never seen by chance only. Trainings that are done already in OUT are not repeated. Arguments after `--` go to
`spp_sorter train`.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from spp_sorter.learning.pack import Pack, PackError  # noqa: E402

HEAD = (
    "| source left out | label | items | named right, of those found: without | with | found: without | with |",
    "|---|---|---|---|---|---|---|",
)


def command(*words):
    print("+ spp_sorter", *words, flush=True)
    subprocess.run([sys.executable, "-m", "spp_sorter.cli", *map(str, words)], check=True)


def measure(model, source, args, path):
    if not path.is_file():
        tests = ["--tests", "photos", "--density", "sparse", "touching", "--scenes", args.scenes]
        where = ["--pack", args.pack, "--device", args.device, "--source", source]
        model_words = [] if model == "default" else ["--model", model]
        command("evaluate", *model_words, *tests, *where, "--json", path)
    return json.loads(path.read_text(encoding="utf-8"))["photos"]["confusion"]["counts"]


def train(source, args):
    """Weights trained without a source; with all of them for None."""
    out = args.out / (f"without_{source}" if source else "with_all")
    state, done = out / "state.pt", out / "done"
    if not done.is_file():
        words = ["--pack", args.pack, "--device", args.device, *(["--exclude-source", source] if source else [])]
        budget = [] if "--steps" in args.train else ["--budget-minutes", args.minutes]
        resume = ["--resume"] if state.is_file() else []
        command("train", "--out", out, *words, *budget, *resume, *args.train)
        done.touch()
    return out / "model.pt"


def shares(row, label):
    """Share of the items that were found at all, and share of those that bear the right label."""
    total, found = sum(row.values()), sum(row.values()) - row["missed"]
    return total, found / total, row[label] / found if found else float("nan")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="further arguments of `spp_sorter train` stand after --",
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--pack", type=Path, default=Path(".cache/pack"))
    parser.add_argument("--minutes", type=float, default=8.0, help="of each training, without --steps after --")
    parser.add_argument("--model", default="", help="weights that have seen every source: a file, or `default`")
    parser.add_argument("--scenes", type=int, default=60, help="test scenes per density")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--sources", nargs="+", help="only these")
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    args = parser.parse_args(words[:end])
    args.train = words[end + 1 :]
    try:
        assets = Pack(args.pack).assets
    except PackError as error:
        parser.error(str(error))
    sources = args.sources or sorted({asset.source for asset in assets if asset.split == "test"})
    args.out.mkdir(parents=True, exist_ok=True)
    table = list(HEAD)
    with_all = args.model or train(None, args)
    for source in sources:
        without = measure(train(source, args), source, args, args.out / f"{source}_without.json")
        seen = measure(with_all, source, args, args.out / f"{source}_with.json")
        for label in (name for name in without if name != "background" and sum(without[name].values())):
            total, found, right = shares(without[label], label)
            _, found_with, right_with = shares(seen[label], label)
            table.append(
                f"| {source} | {label} | {total} | {right:.3f} | {right_with:.3f} | {found:.3f} | {found_with:.3f} |"
            )
    text = "\n".join(table)
    (args.out / "table.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
