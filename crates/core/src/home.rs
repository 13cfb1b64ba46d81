//! A `~` that the shell left as it was: the one mistake in a path that looks right to whoever typed it.

use std::path::{Component, Path};

/// What to say of a path that begins with an unexpanded `~` and is not there; nothing for every other path.
///
/// Shells expand `~` only at the beginning of a word and outside quotes: `--dir=~/data` and `"~/data"` arrive as they
/// were typed.
pub fn unexpanded_home(path: &Path) -> Option<String> {
    let Some(Component::Normal(first)) = path.components().next() else { return None };
    let is_home = first.to_str().is_some_and(|name| name.starts_with('~'));
    if !is_home || Path::new(first).exists() {
        return None;
    }
    let rest = path.strip_prefix(first).unwrap_or(path).display().to_string();
    let whole = if first == "~" { format!("$HOME/{rest}") } else { format!("/home/NAME/{rest}") };
    Some(format!(
        "the shell did not expand {}, as it does only unquoted and at the beginning of a word; write \"{}\" instead",
        Path::new(first).display(),
        whole.trim_end_matches('/')
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_home_that_is_not_there_is_named() {
        let told = |path: &str| unexpanded_home(Path::new(path));
        assert!(told("~/data").unwrap().contains("did not expand ~, "), "{:?}", told("~/data"));
        assert!(told("~/data").unwrap().ends_with("write \"$HOME/data\" instead"), "{:?}", told("~/data"));
        assert!(told("~").unwrap().contains("\"$HOME\""), "{:?}", told("~"));
        assert!(told("~ada/data").unwrap().contains("did not expand ~ada, "), "{:?}", told("~ada/data"));
        for path in ["", "/~/data", "./~", "data/~", "data~", "/home/ada/data"] {
            assert_eq!(told(path), None, "{path}");
        }
    }
}
