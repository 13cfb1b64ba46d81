//! Plain text in columns, and sentences broken between words.

/// Width of the rows with single spaces between their columns.
pub(super) fn needed(rows: &[Vec<String>]) -> usize {
    column_widths(rows).iter().map(|width| width + 1).sum::<usize>().saturating_sub(1)
}

fn column_widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<String>, column: usize| row.get(column).map_or(0, |text| wide(text));
    (0..columns).map(|column| rows.iter().map(|row| cell(row, column)).max().unwrap_or(0)).collect()
}

/// The first `left` columns to the left, the others to the right, with gaps of one to three spaces as room allows.
pub(super) fn aligned(rows: &[Vec<String>], width: usize, left: usize) -> String {
    let widths = column_widths(rows);
    let cells: usize = widths.iter().sum();
    let gaps = widths.len().saturating_sub(1).max(1);
    let gap = (width.saturating_sub(cells) / gaps).clamp(1, 3);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, &widest)) in row.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(widest - wide(cell));
            let gap = " ".repeat(if column == 0 { 0 } else { gap });
            line += &if column < left { format!("{gap}{cell}{pad}") } else { format!("{gap}{pad}{cell}") };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Breaks a sentence between words; ends with a line break, and is empty for no words.
pub(super) fn wrapped(sentence: &str, width: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in sentence.split_whitespace() {
        let long = wide(word);
        if column > 0 && column + 1 + long > width {
            text.push('\n');
            column = 0;
        }
        if column > 0 {
            text.push(' ');
            column += 1;
        }
        text += word;
        column += long;
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Columns that a text takes: the macron of q̄ stands over the letter before it.
fn wide(text: &str) -> usize {
    text.chars().filter(|c| *c != '\u{304}').count()
}
