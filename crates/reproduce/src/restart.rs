//! A run that is started again under its name with other settings: what differs is said.

use anyhow::Result;
use basin_store::RunDir;
use std::collections::{BTreeMap, BTreeSet};

/// Where this run was last started with other settings: what they were and what they are now, a line each.
pub(crate) fn changed_settings(run: &RunDir, file: &str, now: &str) -> Result<Vec<String>> {
    let Some(before) = run.read(file)? else { return Ok(Vec::new()) };
    let before = String::from_utf8_lossy(&before);
    let (Ok(before), Ok(now)) = (before.parse::<toml::Table>(), now.parse::<toml::Table>()) else {
        return Ok(vec![format!(
            "note: {file} of the last start cannot be read, so what differs from it is not told"
        )]);
    };
    let [before, now] = [before, now].map(flat);
    let keys: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let shown = |value: Option<&String>| value.map_or("absent", String::as_str).to_owned();
    let mut lines: Vec<String> = keys
        .into_iter()
        .filter(|key| before.get(*key) != now.get(*key))
        .map(|key| format!("  {key} was {}, is {}", shown(before.get(key)), shown(now.get(key))))
        .collect();
    if !lines.is_empty() {
        lines.insert(
            0,
            "note: this run was last started with other settings; what depends on them is computed anew, beside what was \
             there:"
                .to_owned(),
        );
    }
    Ok(lines)
}

/// Values by whole key; those of cases by their place.
fn flat(table: toml::Table) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (section, value) in table {
        match value {
            toml::Value::Table(keys) => {
                all.extend(
                    keys.into_iter().map(|(key, value)| (format!("{section}.{key}"), value.to_string())),
                );
            }
            toml::Value::Array(cases) => {
                let case =
                    |(i, case): (usize, toml::Value)| (format!("{section} {}", i + 1), case.to_string());
                all.extend(cases.into_iter().enumerate().map(case));
            }
            value => drop(all.insert(section, value.to_string())),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_store::RealFs;
    use std::sync::Arc;

    #[test]
    fn what_differs_is_told_with_both_values_and_nothing_else_is() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::open(root.path(), "run", Arc::new(RealFs)).unwrap();
        let changed = |now: &str| changed_settings(&run, "config.resolved.toml", now).unwrap();
        let first = "format = 1\n[train]\nbatch = 8 # preset\nl2 = 0.1\n[[case]]\n\"train.batch\" = 9\n";
        assert_eq!(changed(first), [""; 0]);
        run.write("config.resolved.toml", first.as_bytes()).unwrap();
        assert_eq!(changed(&first.replace("# preset", "# command line")), [""; 0]);
        let told = changed("format = 1\n[train]\nbatch = 16\nl2 = 0.1\nnew = 1\n");
        assert!(told[0].contains("last started with other settings"), "{told:?}");
        assert_eq!(
            told[1..],
            [
                "  case 1 was { \"train.batch\" = 9 }, is absent",
                "  train.batch was 8, is 16",
                "  train.new was absent, is 1"
            ]
        );
        run.write("config.resolved.toml", b"[[[").unwrap();
        assert!(changed(first)[0].contains("cannot be read"));
    }
}
