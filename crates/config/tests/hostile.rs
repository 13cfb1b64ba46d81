//! Configuration files and `--set` as nobody would write them: refused or resolved, never a panic, never without end.

use basin_config::{Config, ConfigError, ConfigFile, KEYS, Keys};
use basin_core::{Rng, SeedTree};
use basin_paper_single_basin::SingleBasin;
use basin_papers::Paper;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const FILES: usize = 20_000;
const SETTINGS: usize = 20_000;

/// Values of every type, at and beyond the ends of what is accepted.
const VALUES: &[&str] = &[
    "",
    "0",
    "1",
    "-1",
    "0.5",
    "1e-320",
    "1e999",
    "nan",
    "inf",
    "-inf",
    "-0.0",
    "+7",
    " 3",
    "3 ",
    "0x10",
    "1_000",
    "true",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "1,2",
    ",",
    "1,,2",
    "1,1",
    "cifar10",
    "cifar100",
    "mnist",
    "synthetic",
    "resnet20",
    "vit",
    "constant",
    "restart",
    "\u{1b}[2J",
    "\"",
    "'",
    "\\",
    "\0",
    "ß",
    "../x",
];

fn any<'a>(rng: &mut Rng, of: &[&'a str]) -> &'a str {
    of[rng.below(of.len() as u32) as usize]
}

/// A key as somebody types it.
fn key(rng: &mut Rng) -> String {
    let known = &KEYS[rng.below(KEYS.len() as u32) as usize];
    match rng.below(5) {
        0 => known.alias.unwrap_or(known.name).to_owned(),
        1 => known.name.rsplit('.').next().unwrap().to_owned(),
        2 => mutated(known.name, rng),
        _ => known.name.to_owned(),
    }
}

fn value(rng: &mut Rng) -> String {
    let known = &KEYS[rng.below(KEYS.len() as u32) as usize];
    // The words and bounds that the key's own description names.
    let allowed = known.allowed();
    let words: Vec<&str> = allowed.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    match rng.below(4) {
        0 => any(rng, VALUES).to_owned(),
        1 => mutated(&known.default().plain(), rng),
        _ => any(rng, &words).to_owned(),
    }
}

/// A text with a few characters changed, lines repeated or moved, or values replaced.
fn mutated(text: &str, rng: &mut Rng) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=rng.below(3) {
        if lines.is_empty() {
            break;
        }
        let at = rng.below(lines.len() as u32) as usize;
        let mut chars: Vec<char> = lines[at].chars().collect();
        let place = rng.below(chars.len() as u32 + 1) as usize;
        match rng.below(7) {
            0 if place < chars.len() => drop(chars.remove(place)),
            1 => chars.truncate(place),
            2 => chars.insert(
                place,
                any(rng, &["[", "]", "=", "\"", "'", "\n", "#", ".", "\0", "é", "9"]).chars().next().unwrap(),
            ),
            3 => {
                let other = lines[rng.below(lines.len() as u32) as usize].clone();
                lines.insert(at, other);
                continue;
            }
            4 => drop(lines.remove(at)),
            _ => {
                if let Some(equals) = chars.iter().position(|c| *c == '=') {
                    chars.truncate(equals + 1);
                    chars.extend(value(rng).chars());
                }
            }
        }
        if let Some(line) = lines.get_mut(at) {
            *line = chars.into_iter().collect();
        }
    }
    lines.join("\n")
}

/// Reads a file of this text.
fn read(folder: &TempDir, text: &str) -> Result<ConfigFile, ConfigError> {
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    ConfigFile::read(&path, &Keys::default())
}

/// What resolves reads back to the same values.
fn same_again(folder: &TempDir, config: &Config) {
    let file = read(folder, &config.to_toml()).unwrap();
    let preset = SingleBasin.preset("small").unwrap();
    let again = Config::resolve_over(&Keys::default(), preset, &file.settings, &[], &[]).unwrap();
    assert_eq!(again.to_json(), config.to_json());
}

#[test]
fn changed_files_are_refused_or_read_back_to_the_same() {
    let (keys, preset) = (Keys::default(), SingleBasin.preset("quick").unwrap());
    let seed = Config::resolve(&keys, preset, &[], &[]).unwrap().to_toml();
    let mut rng = SeedTree::root(16).rng();
    let folder = tempfile::tempdir().unwrap();
    let (mut whole, mut resolved) = (0, 0);
    for _ in 0..FILES {
        let Ok(file) = read(&folder, &mutated(&seed, &mut rng)) else { continue };
        whole += 1;
        if let Ok(config) = Config::resolve_over(&keys, preset, &file.settings, &[], &[]) {
            resolved += 1;
            same_again(&folder, &config);
        }
    }
    // Both ways out are taken: the changes reach beyond the parser.
    assert!(
        whole > FILES / 100 && whole < FILES && resolved > FILES / 100,
        "{whole} read, {resolved} resolved"
    );
}

#[test]
fn any_settings_are_refused_or_resolved() {
    let (keys, preset) = (Keys::default(), SingleBasin.preset("paper").unwrap());
    let mut rng = SeedTree::root(17).rng();
    let (folder, mut resolved) = (tempfile::tempdir().unwrap(), 0);
    for _ in 0..SETTINGS {
        let settings: Vec<_> = (0..=rng.below(3)).map(|_| (key(&mut rng), value(&mut rng))).collect();
        match Config::resolve(&keys, preset, &settings, &[]) {
            Ok(config) => {
                resolved += 1;
                same_again(&folder, &config);
            }
            Err(error) => assert!(
                error
                    .problems
                    .iter()
                    .all(|problem| problem.contains("expected") || problem.contains("unknown key")),
                "{error}"
            ),
        }
    }
    assert!(resolved > SETTINGS / 200 && resolved < SETTINGS, "{resolved}");
}

/// Names and lists almost as long as a file may be: they are not compared with all others, letter by letter or word by word.
#[test]
fn what_is_long_takes_no_longer_than_its_reading() {
    let begun = Instant::now();
    let name = "a".repeat(1 << 19);
    let items: Vec<String> = (0..100_000).map(|i: u32| i.to_string()).collect();
    let list = items.join(",");
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read(&folder, &format!("{name} = 1\n")).unwrap_err().problems.len(), 1);
    assert_eq!(read(&folder, &format!("seeds = [{list}]\n")).unwrap().settings.len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
