//! Names as the network has them: without the prefixes that wrappers put before all of them.

use std::collections::BTreeMap;

/// Wrappers whose prefix is taken off: data parallelism, compilation.
const PREFIXES: [&str; 2] = ["module.", "_orig_mod."];

/// Takes off prefixes that all names share and says so in the notes.
pub(crate) fn strip<T>(mut entries: BTreeMap<String, T>, notes: &mut Vec<String>) -> BTreeMap<String, T> {
    while let Some(prefix) = PREFIXES.iter().find(|prefix| {
        // A name that is the prefix alone would become empty.
        entries.keys().all(|name| name.len() > prefix.len() && name.starts_with(*prefix))
    }) {
        if entries.is_empty() {
            break;
        }
        notes.push(format!("took the prefix {prefix} off all {} names", entries.len()));
        entries = entries.into_iter().map(|(name, value)| (name[prefix.len()..].to_owned(), value)).collect();
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> BTreeMap<String, ()> {
        all.iter().map(|name| ((*name).to_owned(), ())).collect()
    }

    #[test]
    fn prefixes_go_only_when_every_name_has_them() {
        let mut notes = Vec::new();
        let stripped = strip(names(&["module._orig_mod.a", "module._orig_mod.b"]), &mut notes);
        assert_eq!(stripped, names(&["a", "b"]));
        assert_eq!(notes.len(), 2);
        for kept in [&["module.a", "b"][..], &["module."], &[]] {
            assert_eq!(strip(names(kept), &mut notes), names(kept));
        }
        assert_eq!(notes.len(), 2);
    }
}
