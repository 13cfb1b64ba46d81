//! Whole measurements against a fake peer.

use super::*;
use clap::Parser;
use std::process::Command;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

/// A peer whose steps take 40 ms by its own account; it writes down when it was asked for a round.
const FAKE: &str = r#"
    echo '{"program":"fake 1"}'
    while read word rest; do
        case "$word" in
            case) echo '{"layouts":["slow","fast"],"skipped":{"compiled":"no compiler"}}' ;;
            round) echo peer >> "$0"
                echo '{"layout":"slow","seconds":[0.08,0.08]}'
                echo '{"layout":"fast","seconds":[0.04,0.04]}' ;;
            memory) echo '{"peak_memory_mib":12.5}' ;;
        esac
    done"#;

#[test]
fn rounds_alternate_and_the_last_line_compares_with_the_best_layout() {
    let folder = tempfile::tempdir().unwrap();
    let (turns, out) = (folder.path().join("turns"), folder.path().join("deep/er"));
    let arguments = ["bench", "train-step", "--steps", "2", "--rounds", "3", "--batch", "4", "--out"];
    let mut options =
        Line::try_parse_from(arguments.into_iter().chain([out.to_str().unwrap()])).unwrap().options;
    options.threads = 1;
    create_folder(&options).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", FAKE]).arg(&turns);
    let mut lines = Vec::new();
    let mut say = |line: &str| {
        lines.push(serde_json::from_str::<Value>(line)?);
        Ok(())
    };
    let mut bench = Bench {
        options: &options,
        say: &mut say,
        threads: 1,
        peak: 100.0,
        peer: Some(Peer::start(command).unwrap()),
    };
    let case = Case::new(serde_json::json!({ "model": "none" }), 4, Some(1e9));
    let step = || {
        RealFs.append(&turns, b"ours\n")?;
        std::thread::sleep(std::time::Duration::from_millis(20));
        Ok(())
    };
    bench.measure(&case, step).unwrap();

    // Two steps of warm-up; then in each round one unmeasured step, two measured ones, and the peer's turn.
    let expected = "ours\nours\n".to_owned() + &"ours\nours\nours\npeer\n".repeat(3);
    assert_eq!(std::fs::read_to_string(&turns).unwrap(), expected);

    let kept = std::fs::read_to_string(out.join("train-step.jsonl")).unwrap();
    assert_eq!(kept.lines().map(|l| serde_json::from_str(l).unwrap()).collect::<Vec<Value>>(), lines);
    let [skipped, ours, slow, fast, compared] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&skipped["layout"], &skipped["skipped"]), (&"compiled".into(), &"no compiler".into()));
    assert_eq!(
        (&ours["program"], &ours["model"], &ours["rounds"]),
        (&"basin".into(), &"none".into(), &3.into())
    );
    let (rate, share) = (ours["gflop_per_second"].as_f64().unwrap(), ours["share_of_peak"].as_f64().unwrap());
    assert!(rate <= 200.0 && (share - rate / 100.0).abs() < 1e-3, "{ours}");
    assert_eq!((&slow["images_per_second"], &fast["images_per_second"]), (&50.0.into(), &100.0.into()));
    assert_eq!(fast["peak_memory_mib"], 12.5);
    assert_eq!((&compared["peer_layout"], &compared["rounds"]), (&"fast".into(), &3.into()));
    // Sleeping takes at least as long as asked for: 40 ms of the peer over 20 ms or more of ours.
    let ratio = compared["ratio"].as_f64().unwrap();
    assert!(ratio <= 2.0 && ratio > 0.0, "{compared}");
}
