//! What a case of an experiment varies, as keys with values; and its label, which is made for the eye alone.

use std::collections::BTreeMap;

/// The keys that a case varies, with their values as they are written after `--set`. The data set, the network, the methods and
/// what is measured besides are not among them: rows of results have columns for these.
pub type CaseKeys = BTreeMap<String, String>;

/// How a paper writes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// The configuration's key.
    pub key: &'static str,
    /// For example `β`.
    pub symbol: &'static str,
    /// The value with which others are compared, which varies nothing.
    pub usual: Option<&'static str>,
}

/// Keys for which results have columns of their own.
const COLUMNS: [&str; 4] = ["data.dataset", "model.name", "ensemble.methods", "metrics.also"];

/// The keys of what an experiment sets in one case.
pub fn case_keys<'a>(varied: impl IntoIterator<Item = (&'a str, &'a str)>, symbols: &[Symbol]) -> CaseKeys {
    let usual = |key: &str, value: &str| symbols.iter().any(|s| s.key == key && s.usual == Some(value));
    let told = varied.into_iter().filter(|(key, value)| !COLUMNS.contains(key) && !usual(key, value));
    told.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// `t = 2, β = 0.2`: in the order of the symbols, then keys without one; empty for a case that varies nothing.
pub fn label(case: &CaseKeys, symbols: &[Symbol]) -> String {
    let known = |key: &str| symbols.iter().find(|symbol| symbol.key == key);
    let with_symbol = symbols.iter().filter_map(|s| Some(format!("{} = {}", s.symbol, case.get(s.key)?)));
    let without = case.iter().filter(|(key, _)| known(key).is_none());
    with_symbol.chain(without.map(|(key, value)| format!("{key} = {value}"))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOLS: [Symbol; 2] = [
        Symbol { key: "ensemble.split_epoch", symbol: "t", usual: None },
        Symbol { key: "metrics.repair_images", symbol: "REPAIR images", usual: Some("0") },
    ];

    #[test]
    fn what_has_a_column_of_its_own_or_is_usual_is_not_told() {
        let varied = [("model.name", "vit"), ("metrics.repair_images", "0"), ("ensemble.split_epoch", "2")];
        let case = case_keys(varied, &SYMBOLS);
        assert_eq!(case.keys().collect::<Vec<_>>(), ["ensemble.split_epoch"]);
    }

    #[test]
    fn a_key_without_a_symbol_is_told_by_its_name_after_the_others() {
        let case = case_keys(
            [("data.seed", "7"), ("metrics.repair_images", "500"), ("ensemble.split_epoch", "2")],
            &SYMBOLS,
        );
        assert_eq!(label(&case, &SYMBOLS), "t = 2, REPAIR images = 500, data.seed = 7");
        assert_eq!(label(&CaseKeys::new(), &SYMBOLS), "");
    }
}
