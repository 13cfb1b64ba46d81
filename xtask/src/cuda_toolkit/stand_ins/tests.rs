//! A program linked to a stand-in: without the library, and with it.

use super::*;
use std::path::PathBuf;

/// A call with more arguments than registers of either kind, so that a register or a stack slot that the binder
/// spoils shows.
const PROGRAM: &str = r#"
#include <stdio.h>
double mix(int a, double b, long c, double d, int e, double f, int g, double h, int i, double j, int k, double l,
           int m, double n, double o, double p, double q);
int plain(int a);
const char *text(int code);
unsigned long version(void);
int main(void) {
    for (int again = 0; again < 2; again++) {
        if (plain(5) != 5) { printf("%d %s %lu\n", plain(5), text(1), version()); continue; }
        printf("%.0f %d\n", mix(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17), plain(7));
    }
    return 0;
}
"#;

const LIBRARY: &str = r#"
double mix(int a, double b, long c, double d, int e, double f, int g, double h, int i, double j, int k, double l,
           int m, double n, double o, double p, double q) {
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k + 12 * l + 13 * m
         + 14 * n + 15 * o + 16 * p + 17 * q;
}
int plain(int a) { return a; }
"#;

fn build(folder: &Path) -> PathBuf {
    let library = Library { module: "toy", link: "toy", file: "libtoy.so.{}", status: 77 };
    let answers = [
        ("mix", Answer::Status),
        ("plain", Answer::Status),
        ("text", Answer::Text),
        ("version", Answer::Number),
    ];
    let functions = answers.into_iter().map(|(name, answer)| (name.to_owned(), answer)).collect();
    archive(library, &functions, folder, 3).unwrap();
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    std::fs::write(folder.join("program.c"), PROGRAM).unwrap();
    tool("cc", "CC", &[&path("program.c"), &path("libtoy.a"), "-ldl", "-o", &path("program")]).unwrap();
    folder.join("program")
}

fn run(program: &Path, libraries: &Path) -> String {
    let output = Command::new(program).env("LD_LIBRARY_PATH", libraries).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_missing_library_is_an_answer_and_a_present_one_is_called_with_all_arguments() {
    let folder = std::env::temp_dir().join(format!("basin-stand-ins-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let program = build(&folder);
    let missing = "77 libtoy.so.3 is missing, or lacks this function 0\n";
    assert_eq!(run(&program, &folder), missing.repeat(2));
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    std::fs::write(folder.join("library.c"), LIBRARY).unwrap();
    tool("cc", "CC", &["-shared", "-fPIC", &path("library.c"), "-o", &path("libtoy.so.3")]).unwrap();
    // Σ i², twice: through the binder, then through the filled slot.
    assert_eq!(run(&program, &folder), "1785 7\n".repeat(2));
    std::fs::remove_dir_all(&folder).unwrap();
}
