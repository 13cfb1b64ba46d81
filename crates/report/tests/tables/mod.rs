//! What the tables say beside the numbers: methods that were not run, legends, many cases.

use crate::{row, small, text};
use basin_report::{Results, Row, render, terminal_table};

#[test]
fn a_method_that_only_the_paper_has_is_listed_as_not_run() {
    let artifacts = render(&small(), &[]).unwrap();
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
        assert_eq!(terminal_table(&small(), width).unwrap().matches("not run").count(), 10, "at {width}");
    }
}

#[test]
fn only_a_case_of_the_papers_own_lists_what_was_not_run() {
    let varied = Row { case: "t = 2".into(), ..row("constrained", 0, 0.9, 0.0) };
    let elsewhere = Row { dataset: "synthetic".into(), ..row("deep", 0, 0.9, 0.0) };
    for rows in [vec![varied.clone()], vec![elsewhere]] {
        let table = terminal_table(&Results { rows, ..Results::default() }, 80).unwrap();
        assert!(!table.contains("not run"), "{table}");
    }
    // Run, though in another case only.
    let rows = vec![row("deep", 0, 0.9, -0.7), varied];
    let table = terminal_table(&Results { rows, ..Results::default() }, 80).unwrap();
    assert!(!table.lines().any(|line| line.starts_with("Con.") && line.contains("not run")), "{table}");
    assert!(table.lines().any(|line| line.starts_with("SW Ens.") && line.contains("not run")), "{table}");
}
