"""The figures of an evaluation as tables for people."""

from __future__ import annotations

from spp_sorter.evaluation.summary import Summary

TEST_NAMES = ("rendered", "photos")


def print_tables(figures: Summary, wanted_precision: float = 0.95) -> None:
    """Print everything that ``evaluate`` found, on stdout."""
    print(figures["detector"])
    if "data" in figures:
        print(f"\n{figures['data']}")
    else:
        print(f"\nheld-out objects on simulated belts and in composed photographs, seed {figures['seed']}")
    rows = figure_rows(figures)
    if rows:
        _print_detection(rows)
    for name, body in label_bodies(figures).items():
        print(f"\n{name}" if name else "")
        _print_classes(body, wanted_precision)
    if "confusion" in figures:
        _print_confusion(figures["confusion"])
        print(f"\ncalibration error {_with_interval(figures['ece'], figures['interval']['ece'])}")
        _print_grasp(figures["grasp"])
    if figures.get("singles"):
        _print_singles(figures["singles"])


def figure_rows(figures: Summary) -> dict[str, Summary]:
    """What has an average precision of its own, by name: densities of the tests, then the tests, or the data."""
    if "data" in figures:
        return {"all": figures}
    rows = {}
    for test in TEST_NAMES:
        if test in figures:
            rows.update({f"{test} {density}": row for density, row in figures[test]["density"].items()})
            rows[f"{test} {' + '.join(figures[test]['pooled'])}"] = figures[test]
    return rows


def label_bodies(figures: Summary) -> dict[str, Summary]:
    """What is shown label by label: each test, or the data under an empty name."""
    if "data" in figures:
        return {"": figures}
    return {f"{test} {' + '.join(figures[test]['pooled'])}": figures[test] for test in TEST_NAMES if test in figures}


def _print_detection(rows: dict[str, Summary]) -> None:
    width = max(map(len, rows))
    print(f"{'':{width}}  images   items  ignored  objects  {'mAP@0.5':21}  {'AP@[.5:.95]':21}")
    for name, row in rows.items():
        map50, ap = (_with_interval(row[key], row["interval"][key]) for key in ("map50", "ap"))
        counts = f"{row['images']:6}  {row['items']:6}  {row['ignored']:7}  {row['objects']:7}"
        print(f"{name:{width}}  {counts}  {map50:21}  {ap:21}")


def _print_classes(row: Summary, wanted: float) -> None:
    width = max(map(len, row["per_class"]))
    print(f"{'':{width}}   items  AP@0.5      AP  precision  recall  score for precision {wanted:g}")
    for name, label in row["per_class"].items():
        score = label["score_for_precision"][f"{wanted:g}"]
        figures = f"{label['ap50']:6.3f}  {label['ap']:6.3f}  {label['precision']:9.3f}  {label['recall']:6.3f}"
        print(f"{name:{width}}  {label['items']:6}  {figures}  {'not reached' if score is None else f'{score:.2f}'}")


def _print_confusion(confusion: Summary) -> None:
    counts = confusion["counts"]
    columns = list(next(iter(counts.values())))
    width = max(map(len, counts))
    print(f"\n{'':{width}}  called at score {confusion['score_thresh']:g} and IoU {confusion['iou_thresh']:g}")
    print(f"{'':{width}}  " + "  ".join(f"{name:>11}" for name in columns))
    for name, row in counts.items():
        print(f"{name:{width}}  " + "  ".join(f"{row.get(column, ''):>11}" for column in columns))


def _print_grasp(grasp: Summary) -> None:
    if not grasp["items"]:
        print("grasps: none to judge (no masks, no grasp head, or nothing found)")
        return
    inside = _with_interval(grasp["point_inside"], grasp["interval"]["point_inside"])
    print(f"grasps of {grasp['items']} found items: pick point inside {inside}")
    yaw, size = grasp["yaw_error_deg"], grasp["size_error"]
    print(f"  yaw error   p50 {yaw['p50']:.1f} deg, p90 {yaw['p90']:.1f} deg ({yaw['items']} long items)")
    print(
        f"  size error  p50 {100 * size['p50']:.1f} %, p90 {100 * size['p90']:.1f} % ({size['items'] // 2} whole items)"
    )


def _print_singles(singles: Summary) -> None:
    print("\nsingle photographs, the best detection: found (IoU 0.5), label right, both")
    for source, labels in singles.items():
        for label, row in labels.items():
            shares = "  ".join(_with_interval(row[key], row["interval"][key]) for key in ("found", "named", "both"))
            print(f"{source:10} {label:12} {row['pictures']:5} pictures  {shares}")


def _with_interval(value: float, interval: tuple[float, float] | None) -> str:
    text = f"{value:.3f}"
    return text if interval is None else f"{text} [{interval[0]:.3f} {interval[1]:.3f}]"
