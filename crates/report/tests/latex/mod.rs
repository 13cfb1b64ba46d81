//! `tables.tex` without a LaTeX at hand: what would stop one, and that no number is lost on the way.

use crate::{made_up, row, text};
use basin_paper_single_basin::SingleBasin;
use basin_report::render;

fn fragment(rows: &[basin_results::Ensemble]) -> (String, String) {
    let mut results = made_up::results("a & b_c", "cifar10", 3);
    results.ensembles.extend(rows.iter().cloned());
    let artifacts = render(&results, &SingleBasin, &[]).unwrap();
    let of = |path| text(&artifacts, path).to_owned();
    (of("report/tables.tex"), of("report/tables.md"))
}

/// The text without escaped signs, so that what is left of them is markup.
fn markup(tex: &str) -> String {
    let signs = ["\\&", "\\%", "\\$", "\\#", "\\_", "\\{", "\\}"];
    signs.iter().fold(tex.to_owned(), |text, sign| text.replace(sign, ""))
}

#[test]
fn groups_environments_and_formulas_are_closed() {
    let (tex, _) = fragment(&[row("evil{\\end}$^~[", 0, 0.9, -0.1)]);
    let tex = markup(&tex.replace("\\\\\n", "\n"));
    let mut open = Vec::new();
    for line in tex.lines().filter(|line| !line.starts_with('%')) {
        assert!(line.is_ascii(), "{line}");
        assert_eq!(line.matches('$').count() % 2, 0, "{line}");
        assert!(!line.contains(['#', '%', '~', '^', '_']), "{line}");
        for (begin, part) in [(true, "\\begin{"), (false, "\\end{")] {
            for name in line.split(part).skip(1).map(|rest| rest.split('}').next().unwrap()) {
                match begin {
                    true => open.push(name.to_owned()),
                    false => assert_eq!(open.pop().as_deref(), Some(name)),
                }
            }
        }
    }
    assert!(open.is_empty(), "{open:?} left open");
    let mut depth = 0i32;
    for c in tex.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        assert!(depth >= 0, "a group is closed that was never opened");
    }
    assert_eq!(depth, 0, "a group is left open");
}

#[test]
fn every_row_has_as_many_cells_as_its_table_has_columns() {
    let (tex, _) = fragment(&[row("a & b", 0, 0.9, -0.1)]);
    let mut rows = 0;
    for table in tex.split("\\begin{tabular}{").skip(1) {
        let (columns, rest) = table.split_once('}').unwrap();
        let (body, _) = rest.split_once("\\end{tabular}").unwrap();
        for line in body.lines().filter(|line| line.ends_with("\\\\")) {
            let line = markup(line.trim_end_matches("\\\\"));
            let spanned = if line.starts_with("\\multicolumn{5}") { 4 } else { 0 };
            assert_eq!(line.matches('&').count() + 1 + spanned, columns.len(), "{line}");
            rows += 1;
        }
        let rules = ["\\toprule", "\\bottomrule"].map(|rule| body.matches(rule).count());
        assert_eq!(rules, [1, 1]);
    }
    // Header, three titles and three times seven methods; then twice a header and seven methods.
    assert_eq!(rows, 25 + 16);
}

#[test]
fn latex_and_markdown_hold_the_same_numbers() {
    let (tex, md) = fragment(&[]);
    let plain = tex.replace("$-$", "−").replace("$\\pm$", "±").replace(['{', '}'], "");
    let rows = md.lines().filter(|line| line.starts_with("| ") && line.contains(" Ens. |"));
    let cells = rows.flat_map(|line| line.split('|').skip(2)).map(str::trim);
    let mut seen = 0;
    for cell in cells.filter(|cell| cell.starts_with(|c: char| c.is_ascii_digit() || c == '−')) {
        let cell = cell.trim_end_matches(['¹', '²', '³', '⁴']);
        assert!(plain.contains(cell), "{cell}");
        seen += 1;
    }
    assert!(seen > 60, "{seen}");
    for note in ["Welch's t", "by construction", "Cost: 390.0 epochs", "n = 3 is weak", "1 seed"] {
        let held = |text: &str| text.contains(note);
        assert_eq!(held(&plain), held(&md), "{note}");
    }
}
