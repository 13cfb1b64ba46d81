//! What the tables say beside the numbers: methods that were not run, legends, many cases.

use crate::{row, small, text};
use basin_paper_single_basin::SingleBasin;
use basin_papers::CaseKeys;
use basin_report::{render, terminal_table};
use basin_results::{Ensemble, Results};

/// What a case varies.
type Keys<'a> = &'a [(&'a str, &'a str)];

fn case(keys: Keys<'_>) -> CaseKeys {
    keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_method_that_only_the_paper_has_is_listed_as_not_run() {
    let artifacts = render(&small(), &SingleBasin, &[]).unwrap();
    let md = text(&artifacts, "report/tables.md");
    assert!(md.contains("| Dist. Ens. | 94.46 ± 0.20 | – | – | not run |"), "{md}");
    // The paper has no members' accuracy for these two, so there is nothing to list.
    let (_, members) = md.split_once("### Mean member accuracy").unwrap();
    assert!(!members.contains("SW Ens.") && !members.contains("Perm. Ens."), "{members}");
    assert!(md.contains("Ours: 1 to 3 seeds"), "{md}");
    let tex = text(&artifacts, "report/tables.tex");
    assert!(tex.contains("Dist. Ens. & 94.46 $\\pm$ 0.20 & -- & -- & not run \\\\"), "{tex}");
    assert!(text(&artifacts, "report/index.html").contains("<td class=\"word\">not run</td>"));
    for width in [48, 60, 80] {
        assert_eq!(
            terminal_table(&small(), &SingleBasin, width).unwrap().matches("not run").count(),
            10,
            "at {width}"
        );
    }
}

#[test]
fn only_a_case_of_the_papers_own_lists_what_was_not_run() {
    let varied = Ensemble { case: case(&[("ensemble.split_epoch", "2")]), ..row("constrained", 0, 0.9, 0.0) };
    let elsewhere = Ensemble { dataset: "synthetic".into(), ..row("deep", 0, 0.9, 0.0) };
    for rows in [vec![varied.clone()], vec![elsewhere]] {
        let table =
            terminal_table(&Results { ensembles: rows, ..Results::default() }, &SingleBasin, 80).unwrap();
        assert!(!table.contains("not run"), "{table}");
    }
    // Run, though in another case only.
    let rows = vec![row("deep", 0, 0.9, -0.7), varied];
    let table = terminal_table(&Results { ensembles: rows, ..Results::default() }, &SingleBasin, 80).unwrap();
    assert!(!table.lines().any(|line| line.starts_with("Con.") && line.contains("not run")), "{table}");
    assert!(table.lines().any(|line| line.starts_with("SW Ens.") && line.contains("not run")), "{table}");
}

#[test]
fn one_seed_is_compared_with_the_deep_ensemble_over_images_and_several_over_seeds() {
    let of = |seed, mean: f64| {
        row("constrained", seed, 0.9, 0.0).with("minus-deep", mean).with("minus-deep-se", 0.002)
    };
    let table =
        |rows| terminal_table(&Results { ensembles: rows, ..Results::default() }, &SingleBasin, 80).unwrap();
    let one = table(vec![row("deep", 0, 0.92, -0.7), of(0, -0.02)]);
    let (_, section) = one.split_once("Ensemble accuracy minus the deep ensemble's").unwrap();
    assert!(section.contains("−2.00 [−2.39, −1.61]"), "{one}");
    let two = table(vec![row("deep", 0, 0.92, -0.7), of(0, -0.02), of(1, -0.01)]);
    assert!(two.contains("−1.50 [−7.85, +4.85] (2)"), "{two}");
    assert!(!table(vec![row("deep", 0, 0.92, -0.7)]).contains("minus the deep ensemble's"));
}

/// Three split epochs on one data set, two sizes on another.
fn many() -> Results {
    let of = |keys: Keys<'_>, members: usize, dataset: &str| {
        let rows = [row("deep", 0, 0.94, -0.7), row("deep", 1, 0.95, -0.71), row("permuted", 0, 0.93, -0.25)];
        rows.map(|row| Ensemble {
            case: case(keys),
            members,
            dataset: dataset.into(),
            ..row.with("passes", 165.0)
        })
    };
    let t = "ensemble.split_epoch";
    let cases: [(Keys<'_>, usize, &str); 5] = [
        (&[(t, "2")], 5, "cifar10"),
        (&[(t, "4")], 5, "cifar10"),
        (&[(t, "8"), ("ensemble.label_weight", "0.2")], 5, "cifar10"),
        (&[], 3, "cifar100"),
        (&[], 5, "cifar100"),
    ];
    let rows = cases.into_iter().flat_map(|(keys, members, dataset)| of(keys, members, dataset)).collect();
    Results { ensembles: rows, ..Results::default() }
}

#[test]
fn many_cases_are_one_line_per_case_and_method() {
    let table = terminal_table(&many(), &SingleBasin, 80).unwrap();
    assert_eq!(table, include_str!("many.golden"));
    for width in [0, 50, 60, 70, 120] {
        let table = terminal_table(&many(), &SingleBasin, width).unwrap();
        let wide = |line: &str| line.chars().filter(|c| *c != '\u{304}').count();
        assert!(table.lines().all(|line| wide(line) <= width.max(48)), "at {width}\n{table}");
        assert!(
            table.lines().any(|line| line.starts_with("t = 8, β = 0.2") && line.contains("94.50")),
            "{table}"
        );
    }
}

#[test]
fn four_cases_are_still_told_in_full() {
    let mut results = many();
    results.ensembles.retain(|row| (row.dataset.as_str(), row.members) != ("cifar100", 3));
    let table = terminal_table(&results, &SingleBasin, 80).unwrap();
    assert_eq!(table.matches("Mean member accuracy, %").count(), 4);
    let artifacts = render(&results, &SingleBasin, &[]).unwrap();
    // What columns mean is said once, after the last table.
    let files =
        ["tables.md", "tables.tex", "index.html"].map(|file| text(&artifacts, &format!("report/{file}")));
    for text in files.into_iter().chain([table.as_str()]) {
        assert_eq!(text.matches("passes over the training set").count(), 1);
        assert_eq!(text.matches("Welch").count(), 1);
    }
}

#[test]
fn where_nothing_is_varied_many_blocks_have_no_column_for_it() {
    let of = |dataset: &str| Ensemble { dataset: dataset.into(), ..row("deep", 0, 0.94, -0.7) };
    let rows = ["a", "b", "c", "d", "e"].map(of).to_vec();
    let table = terminal_table(&Results { ensembles: rows, ..Results::default() }, &SingleBasin, 80).unwrap();
    assert_eq!(table.lines().filter(|line| line.starts_with("Deep Ens.   ")).count(), 5, "{table}");
    assert!(table.contains("\nmethod ") && table.contains("Ours, 1 seed."), "{table}");
}
