//! Completions and manual pages.

use crate::{expect_code, run, stderr};

#[test]
fn completions_know_commands_and_flags() {
    for shell in ["bash", "zsh", "fish"] {
        let told = run(&["completions", shell]);
        expect_code(&told, 0);
        let script = String::from_utf8(told.stdout).unwrap();
        for word in ["reproduce", "compare", "export", "dry-run", "config", "model-card"] {
            assert!(script.contains(word), "{word} for {shell}");
        }
    }
    expect_code(&run(&["completions", "csh"]), 2);
}

#[test]
fn manual_pages_are_of_the_program_and_of_its_commands() {
    let told = run(&["man"]);
    expect_code(&told, 0);
    let page = String::from_utf8(told.stdout).unwrap();
    assert!(page.contains(".TH basin 1"), "{page}");
    for command in ["reproduce", "status", "verify", "compare", "export"] {
        assert!(page.contains(&format!("basin\\-{command}(1)")), "{command} in {page}");
    }
    let told = run(&["man", "reproduce"]);
    expect_code(&told, 0);
    let page = String::from_utf8(told.stdout).unwrap();
    assert!(page.contains("basin\\-reproduce") && page.contains("\\-\\-config"), "{page}");
    let absent = run(&["man", "repoduce"]);
    expect_code(&absent, 2);
    assert!(stderr(&absent).contains("expected one of reproduce, "), "{}", stderr(&absent));
}
