//! Names as the network has them: without the prefixes that wrappers put before all of them, and in messages
//! without what a terminal would obey.

pub(crate) use basin_core::is_plain;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Wrappers whose prefix is taken off: data parallelism and averaged models, compilation.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];
/// Most characters of a name in a message.
const LONGEST: usize = 96;

/// The prefix that wrappers put before all of these names, such as `module._orig_mod.`; empty when there is none.
/// `model.` counts where `_orig_mod.` follows it, or where `wrapped` says that all networks of this kind of file
/// stand under it.
pub(crate) fn wrappers<'a>(names: impl Iterator<Item = &'a str> + Clone, wrapped: bool) -> String {
    let mut prefix = String::new();
    loop {
        let all = |next: &str| {
            let mut rests = names.clone().map(|name| name.strip_prefix(&prefix));
            // A name that is the prefix alone would become empty.
            rests.all(|rest| rest.is_some_and(|rest| rest.len() > next.len() && rest.starts_with(next)))
        };
        let model = ["model._orig_mod.", "model."].into_iter().take(if wrapped { 2 } else { 1 });
        let Some(next) =
            WRAPPERS.into_iter().chain(model).find(|next| names.clone().next().is_some() && all(next))
        else {
            return prefix;
        };
        prefix.push_str(next);
    }
}

/// Prefixes up to a dot that all these names share, the shortest first, so that each name keeps something.
pub(crate) fn common<'a>(mut names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let Some(first) = names.next() else { return Vec::new() };
    let mut shared = first.rfind('.').map_or(0, |dot| dot + 1);
    for name in names {
        let same = first.bytes().zip(name.bytes()).take(shared).take_while(|(a, b)| a == b).count();
        shared = first.as_bytes()[..same.min(name.len().saturating_sub(1))]
            .iter()
            .rposition(|&b| b == b'.')
            .map_or(0, |dot| dot + 1);
    }
    let ends: BTreeSet<usize> = first[..shared].match_indices('.').map(|(dot, _)| dot + 1).collect();
    ends.into_iter().map(|end| first[..end].to_owned()).collect()
}

/// A name from a file as a terminal may show it: control characters and marks that turn text around are spelled
/// out, and what is long is cut.
pub(crate) fn shown(name: &str) -> String {
    let mut out = String::new();
    for (n, c) in name.chars().enumerate() {
        if n == LONGEST {
            out.push('…');
            break;
        }
        match is_plain(c) {
            true => out.push(c),
            // Writing to a string cannot fail.
            false => drop(write!(out, "{}", c.escape_unicode())),
        }
    }
    out
}

/// The first few of these, and how many more there are.
pub(crate) fn listed(all: &[String], most: usize) -> String {
    let first = all[..all.len().min(most)].join(", ");
    match all.len().saturating_sub(most) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_wrappers_go_only_when_every_name_has_them() {
        let found = |names: &[&str], wrapped| wrappers(names.iter().copied(), wrapped);
        assert_eq!(found(&["module._orig_mod.a", "module._orig_mod.b"], false), "module._orig_mod.");
        assert_eq!(found(&["model._orig_mod.a", "model._orig_mod.b"], false), "model._orig_mod.");
        assert_eq!(found(&["model.a", "model.b"], false), "");
        assert_eq!(found(&["model.a", "model.b"], true), "model.");
        for kept in [&["module.a", "b"][..], &["module."], &[]] {
            assert_eq!(found(kept, true), "");
        }
    }

    #[test]
    fn common_prefixes_end_at_dots_and_leave_a_name() {
        let found = |names: &[&str]| common(names.iter().copied());
        assert_eq!(found(&["a.b.c.weight", "a.b.c.bias"]), ["a.", "a.b.", "a.b.c."]);
        assert_eq!(found(&["net.conv1.weight", "net.conv2.weight"]), ["net."]);
        assert_eq!(found(&["net.a", "net.", "net.b"]), Vec::<String>::new());
        assert_eq!(found(&["é.a", "è.a"]), Vec::<String>::new());
        assert_eq!(found(&["weight", "bias"]), Vec::<String>::new());
        assert_eq!(found(&[]), Vec::<String>::new());
    }

    #[test]
    fn names_cannot_speak_to_the_terminal() {
        assert_eq!(shown("conv1.weight"), "conv1.weight");
        assert_eq!(shown("a\u{1b}[31m\n\u{202e}b"), "a\\u{1b}[31m\\u{a}\\u{202e}b");
        assert_eq!(shown(&"x".repeat(1000)).chars().count(), LONGEST + 1);
    }
}
