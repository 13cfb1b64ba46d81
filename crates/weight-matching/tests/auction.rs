//! A second exact solver of assignment problems, of another kind: Bertsekas' auction.
//!
//! D. P. Bertsekas, *The auction algorithm: a distributed relaxation method for the assignment problem*, Annals of
//! Operations Research 14, 1988. Rows bid for columns; each bid raises a price by what the column is worth to the
//! row above the second best, and ε. Prices that leave every row within ε of its best column prove the total within
//! n ε of the largest. Gains are integers times n + 1, so at ε = 1 the error is below one unit: there is none.

/// The largest total of `min(rows, cols)` entries with no two in a row or column.
pub(crate) fn auction(gain: &[i64], rows: usize, cols: usize) -> i64 {
    let n = rows.max(cols);
    // Rows or columns without gain make the matrix square and change no total.
    let at = |i: usize, j: usize| if i < rows && j < cols { gain[i * cols + j] } else { 0 };
    let scaled: Vec<Vec<i64>> = (0..n).map(|i| (0..n).map(|j| at(i, j) * (n as i64 + 1)).collect()).collect();
    let mut prices = vec![0; n];
    let mut epsilon = scaled.iter().flatten().map(|g| g.abs() / 4).max().unwrap_or(0).max(1);
    loop {
        let column_of = round(&scaled, &mut prices, epsilon);
        if epsilon == 1 {
            return column_of.into_iter().enumerate().map(|(i, j)| at(i, j)).sum();
        }
        epsilon = (epsilon / 5).max(1);
    }
}

/// One auction from these prices: the column of each row.
fn round(gain: &[Vec<i64>], prices: &mut [i64], epsilon: i64) -> Vec<usize> {
    let mut row_of: Vec<Option<usize>> = vec![None; gain.len()];
    let mut bidders: Vec<usize> = (0..gain.len()).collect();
    while let Some(row) = bidders.pop() {
        let worth = |column: usize| gain[row][column] - prices[column];
        let best = (0..gain.len()).max_by_key(|&column| worth(column)).expect("there is a column");
        let others = (0..gain.len()).filter(|&column| column != best).map(worth);
        let second = others.max().unwrap_or(worth(best));
        prices[best] += worth(best) - second + epsilon;
        bidders.extend(row_of[best].replace(row));
    }
    let mut column_of = vec![0; gain.len()];
    for (column, row) in row_of.into_iter().enumerate() {
        column_of[row.expect("as many columns as rows")] = column;
    }
    column_of
}

#[test]
fn the_auction_finds_what_can_be_checked_by_hand() {
    assert_eq!(auction(&[], 0, 0), 0);
    assert_eq!(auction(&[-3], 1, 1), -3);
    // The largest entry is not in the best assignment.
    assert_eq!(auction(&[10, 9, 9, 1], 2, 2), 18);
    assert_eq!(auction(&[1, 7, 3, 2, 8, 5], 2, 3), 7 + 5);
    assert_eq!(auction(&[1, 2, 7, 8, 3, 5], 3, 2), 7 + 5);
}
