//! How the probability of dropping a residual branch grows with depth.

/// The probability of block number `block` of `depth`: linear, from 0 in the first to `largest` in the last, as in timm and the
/// code of Swin (Huang et al., arXiv 1603.09382, Eq. 4, count from the input instead, whose branch is never dropped). A
/// single block drops nothing.
pub fn rate_at(largest: f32, block: usize, depth: usize) -> f32 {
    match depth {
        0 | 1 => 0.0,
        _ if block + 1 >= depth => largest,
        _ => (f64::from(largest) * block as f64 / (depth - 1) as f64) as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_spread_as_timm_spreads_them() {
        let text = include_str!("../../../fixtures/regularisation/drop_path.json");
        let golden: serde_json::Value = serde_json::from_str(text).unwrap();
        for case in golden["rates"].as_array().unwrap() {
            let (largest, rates) =
                (case["largest"].as_f64().unwrap() as f32, case["rates"].as_array().unwrap());
            for (block, expected) in rates.iter().enumerate() {
                let (got, expected) =
                    (rate_at(largest, block, rates.len()), expected.as_f64().unwrap() as f32);
                assert!((got - expected).abs() <= 1e-7, "{case}: {got}");
            }
        }
    }
}
