//! The line protocol against small shell scripts that speak it, well and badly.

use super::*;

/// A peer of two layouts that counts its rounds in the times it gives.
const HONEST: &str = r#"
    echo '{"program":"fake 1","threads":1}'
    round=0
    while read word rest; do
        case "$word" in
            case) echo '{"layouts":["plain","fancy"],"skipped":{"compiled":"no compiler"}}' ;;
            round) round=$((round + 1))
                echo "{\"layout\":\"plain\",\"seconds\":[$round.5,$rest]}"
                echo "{\"layout\":\"fancy\",\"seconds\":[$round.25,$rest]}" ;;
            memory) echo '{"peak_memory_mib":12.5}' ;;
        esac
    done"#;

fn fake(script: &str) -> Result<Peer, PeerError> {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Peer::start(command)
}

/// A peer that starts well and then runs `script` on its first request.
fn failing(script: &str) -> PeerError {
    let greeting = r#"echo '{"program":"fake"}'; read request; "#;
    let mut peer = fake(&format!("{greeting}{script}")).unwrap();
    peer.round(&["plain".to_owned()], 2).unwrap_err()
}

#[test]
fn a_peer_prepares_measures_round_by_round_and_ends() {
    let mut peer = fake(HONEST).unwrap();
    assert_eq!(peer.program, "fake 1");
    let prepared = peer.prepare(&serde_json::json!({ "suite": "conv" })).unwrap();
    assert_eq!(prepared.layouts, ["plain", "fancy"]);
    assert_eq!(prepared.skipped["compiled"], "no compiler");
    assert_eq!(peer.round(&prepared.layouts, 2).unwrap(), [[1.5, 2.0], [1.25, 2.0]]);
    assert_eq!(peer.round(&prepared.layouts, 2).unwrap(), [[2.5, 2.0], [2.25, 2.0]]);
    assert_eq!(peer.peak_memory_mib().unwrap(), Some(12.5));
    assert!(peer.end().is_some_and(|status| status.success()));
}

#[test]
fn a_peer_that_never_greets_is_not_waited_for_for_ever() {
    let mut command = Command::new("sh");
    command.args(["-c", "exec sleep 600"]);
    let late = Peer::start_within(command, Duration::from_millis(50)).unwrap_err();
    assert!(matches!(&late, PeerError::Late { request, .. } if request == "start"), "{late}");
}

#[test]
fn a_peer_that_dies_leaves_its_status_and_its_last_words() {
    let error = failing("echo 'line of no interest' >&2; echo 'out of memory' >&2; exit 3").to_string();
    assert!(error.contains("asked to round 2") && error.contains("out of memory"), "{error}");
    assert!(error.contains("exit status: 3"), "{error}");
}

#[test]
fn only_the_end_of_many_messages_is_kept() {
    let error = failing("yes noise | head -c 300000 >&2; echo 'the reason' >&2; exit 1").to_string();
    assert!(error.ends_with("the reason") && error.len() < TAIL + 200, "{} bytes", error.len());
}

#[test]
fn refusals_and_nonsense_are_told_apart() {
    let refused = failing(r#"echo '{"error":"no such network"}'; cat"#);
    assert!(
        matches!(&refused, PeerError::Refused { reason, .. } if reason == "no such network"),
        "{refused}"
    );
    for answer in
        ["hello", "{}", r#"{"layout":"plain","seconds":[1.0]}"#, r#"{"layout":"x","seconds":[1,1]}"#]
    {
        let error = failing(&format!("echo '{answer}'; cat"));
        assert!(matches!(error, PeerError::Answer { .. }), "{answer}: {error}");
    }
}

#[test]
fn a_peer_without_a_layout_tells_why() {
    let script = HONEST.replace(r#"["plain","fancy"]"#, "[]");
    let error = fake(&script).unwrap().prepare(&Value::Null).unwrap_err().to_string();
    assert!(error.contains("no compiler"), "{error}");
}

#[test]
fn a_missing_interpreter_and_one_without_torch_say_what_to_do() {
    for python in ["/nowhere/python", "false"] {
        let message = Peer::torch(Path::new(python), 1, "contiguous").unwrap_err().to_string();
        assert!(message.starts_with(&format!("--peer {python}: ")), "{message}");
        assert!(message.contains("-m pip install torch"), "{message}");
    }
}

/// A new variant does not compile here until it has a line in the test.
fn place(error: &PeerError) -> usize {
    match error {
        PeerError::Start(_) => 0,
        PeerError::Died { .. } => 1,
        PeerError::Answer { .. } => 2,
        PeerError::Refused { .. } => 3,
        PeerError::Late { .. } => 4,
        PeerError::NoLayout(_) => 5,
    }
}

#[test]
fn every_error_says_what_the_peer_was_asked_and_did() {
    let round = || "round 2".to_owned();
    let told = [
        (
            PeerError::Start(std::io::ErrorKind::NotFound.into()),
            "the peer cannot be started: entity not found",
        ),
        (
            PeerError::Died { request: round(), status: "with exit status: 3".into(), tail: "(none)".into() },
            "the peer ended with exit status: 3 while it was asked to round 2; its last words: (none)",
        ),
        (
            PeerError::Answer { request: round(), answer: "hello".into(), reason: "no JSON".into() },
            "the peer was asked to round 2 and answered \"hello\": no JSON",
        ),
        (
            PeerError::Refused { request: round(), reason: "no such network".into() },
            "the peer was asked to round 2 and refused: no such network",
        ),
        (
            PeerError::Late { request: round(), seconds: 120 },
            "the peer was asked to round 2 and did not answer within 120 s",
        ),
        (
            PeerError::NoLayout(BTreeMap::from([("compiled".into(), "no compiler".into())])),
            "the peer can measure none of it: {\"compiled\": \"no compiler\"}",
        ),
    ];
    let mut seen = [false; 6];
    for (error, text) in &told {
        assert_eq!(error.to_string(), *text);
        seen[place(error)] = true;
    }
    assert_eq!(seen, [true; 6], "every variant is told");
}
