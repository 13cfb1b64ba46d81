//! The file's form and the order of work, on a device that computes nothing.

use super::report::{FILE, date, slug};
use super::throughput::Workload;
use super::*;
use basin_gpu::{GpuError, Recorder};
use std::cell::RefCell;
use std::time::{Duration, UNIX_EPOCH};

fn options(out: &Path) -> Options {
    Options {
        peer: None,
        out: out.to_owned(),
        force: false,
        batch: 2,
        networks: networks::DEFAULT.into(),
        precisions: "f32,bf16".into(),
        seconds: 0.001,
        images: 20,
        minutes: 1.0,
    }
}

/// The file beneath a folder.
fn answers(folder: &Path) -> serde_json::Value {
    let run = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    assert!(run.to_string_lossy().ends_with("-a-recorder-of-calls"), "{}", run.display());
    serde_json::from_slice(&std::fs::read(run.join(FILE)).unwrap()).unwrap()
}

/// Notes what it is asked to train.
#[derive(Default)]
struct Noting(RefCell<Vec<Workload>>);

/// Fails at every transformer.
struct Failing(GpuError);

impl Trainer for Failing {
    fn images(&self) -> usize {
        20
    }

    fn with(&self, workload: &Workload, body: &mut throughput::Body<'_>) -> Result<()> {
        match workload.model.as_str() {
            "vit" => Err(basin_train::TrainError::Device(self.0.clone()).into()),
            _ => Noting::default().with(workload, body),
        }
    }
}

impl Trainer for Noting {
    fn images(&self) -> usize {
        20
    }

    fn with(&self, workload: &Workload, body: &mut throughput::Body<'_>) -> Result<()> {
        self.0.borrow_mut().push(workload.clone());
        body(&mut |updates| {
            std::thread::sleep(Duration::from_micros(10 * updates as u64));
            Ok(())
        })
    }
}

#[test]
fn every_part_is_in_the_file_and_wrong_kernels_end_with_their_code_after_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let queue: Rc<dyn Queue> = Rc::new(Recorder::default());
    let (trainer, mut lines) = (Noting::default(), 0);
    let error = run_on(&queue, &trainer, &options(folder.path()), &mut |_| {
        lines += 1;
        Ok(())
    })
    .unwrap_err();
    assert_eq!(basin_reproduce::exit::code(&error), basin_reproduce::exit::DEVICE);
    let answers = answers(folder.path());
    assert_eq!(answers["checks"].as_array().unwrap().len(), checks().len());
    assert!(answers["checks"][0]["max_rel_error"].is_number() && answers["checks"][0]["ok"].is_boolean());
    // Seven layers, three passes, two precisions.
    let convolutions = answers["convolutions"].as_array().unwrap();
    assert_eq!(convolutions.len(), 7 * 3 * 2);
    assert_eq!(convolutions[0]["computed_by"], "own kernels");
    assert!(convolutions.iter().all(|timed| timed["own_microseconds"].as_f64().unwrap() > 0.0));
    let throughput = answers["throughput"].as_array().unwrap();
    // The epoch comes first.
    assert_eq!((throughput.len(), trainer.0.borrow().len()), (8, 9));
    assert_eq!((&answers["complete"], &answers["left_out"]), (&true.into(), &serde_json::json!([])));
    assert_eq!(throughput[0]["model"], "resnet20");
    assert!(throughput[0]["images_per_second"].as_f64().unwrap() > 0.0);
    assert!(throughput[0]["torch_eager"].is_null() && throughput[0]["ratio"].is_null());
    assert!(answers["epoch_seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(lines, checks().len() + convolutions.len() + throughput.len() + 2);
}

#[test]
fn after_the_deadline_nothing_is_begun_and_the_file_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let queue: Rc<dyn Queue> = Rc::new(Recorder::default());
    let options = Options { minutes: 1e-6, ..options(folder.path()) };
    run_on(&queue, &Noting::default(), &options, &mut |_| Ok(())).unwrap_err();
    let answers = answers(folder.path());
    assert_eq!(answers["complete"], false);
    assert_eq!(answers["left_out"].as_array().unwrap().len(), 8 + 2);
    assert_eq!(answers["left_out"][0], "resnet20:4 f32");
    assert!(answers["epoch_seconds"].is_number() && answers["throughput"].as_array().unwrap().is_empty());
}

#[test]
fn the_file_of_an_earlier_check_is_replaced_only_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let queue: Rc<dyn Queue> = Rc::new(Recorder::default());
    let options = |force| Options { minutes: 1e-6, force, ..options(folder.path()) };
    let code = |force| {
        let error = run_on(&queue, &Noting::default(), &options(force), &mut |_| Ok(())).unwrap_err();
        basin_reproduce::exit::code(&error)
    };
    // What records launches computes nothing, so that every kernel is wrong.
    assert_eq!(code(false), basin_reproduce::exit::DEVICE);
    assert_eq!(code(false), basin_reproduce::exit::USAGE);
    assert_eq!(code(true), basin_reproduce::exit::DEVICE);
}

/// Of everything that was measured, and the error at the end.
fn with_vit_failing(error: GpuError) -> (serde_json::Value, anyhow::Error) {
    let folder = tempfile::tempdir().unwrap();
    let queue: Rc<dyn Queue> = Rc::new(Recorder::default());
    let peer = Some(folder.path().join("no-such-python"));
    let options = Options { peer, precisions: "bf16".into(), ..options(&folder.path().join("out")) };
    let error = run_on(&queue, &Failing(error), &options, &mut |_| Ok(())).unwrap_err();
    (answers(&options.out), error)
}

#[test]
fn a_network_or_a_peer_that_fails_costs_its_own_answer_only() {
    let kernel = GpuError::Launch { kernel: "attention".into(), found: "too many registers".into() };
    let (answers, error) = with_vit_failing(kernel);
    let failed = answers["failed"].as_array().unwrap();
    let told: Vec<_> = failed.iter().map(|failed| failed["what"].as_str().unwrap()).collect();
    assert_eq!(told, ["the peer", "vit:1 bf16"]);
    assert!(failed[0]["error"].as_str().unwrap().contains("no-such-python"), "{failed:?}");
    assert!(failed[1]["error"].as_str().unwrap().contains("attention: too many registers"), "{failed:?}");
    assert_eq!((answers["throughput"].as_array().unwrap().len(), &answers["complete"]), (3, &false.into()));
    assert_eq!(answers["convolutions"].as_array().unwrap().len(), 7 * 3);
    assert_eq!(answers["left_out"], serde_json::json!([]));
    // The recorder's kernels are wrong, which is worse.
    assert_eq!(basin_reproduce::exit::code(&error), basin_reproduce::exit::DEVICE);
}

#[test]
fn after_a_lost_device_nothing_is_begun_and_the_file_tells_why() {
    let lost = GpuError::Lost { during: "run attention".into(), found: "CUDA_ERROR_X (700)".into() };
    let (answers, error) = with_vit_failing(lost);
    assert!(format!("{error:#}").contains("the device was lost"), "{error:#}");
    assert!(answers["failed"][1]["error"].as_str().unwrap().contains("CUDA_ERROR_X (700)"));
    assert_eq!(answers["throughput"].as_array().unwrap().len(), 1);
    let left_out = ["vit:1 bf16", "convolutions bf16", "resnet20:2 bf16", "resnet20:1 bf16"];
    assert_eq!(answers["left_out"], serde_json::json!(left_out));
}

/// A report without checks: `end` tells the first failure, with its own code.
#[test]
fn the_first_failure_is_the_error_at_the_end_where_no_kernel_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let mut answers = Answers::default();
    let mut say = |_: &str| Ok(());
    let mut report =
        Report::begin(folder.path(), false, Deadline::after(1.0), &mut answers, &mut say).unwrap();
    report.failed("the peer".into(), basin_reproduce::exit::Usage("no torch".into()).into()).unwrap();
    report.failed("vit:1 bf16".into(), anyhow::Error::msg("sizes")).unwrap();
    let error = report.end().unwrap_err();
    assert_eq!(basin_reproduce::exit::code(&error), basin_reproduce::exit::USAGE);
    let told = format!("{error:#}");
    assert!(told.contains("2 measurements failed") && told.ends_with("first the peer: no torch"), "{told}");
}

#[test]
fn options_outside_their_ranges_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let queue: Rc<dyn Queue> = Rc::new(Recorder::default());
    let wrong = |change: &dyn Fn(&mut Options)| {
        let mut options = options(folder.path());
        change(&mut options);
        run_on(&queue, &Noting::default(), &options, &mut |_| Ok(())).unwrap_err().to_string()
    };
    assert!(wrong(&|o| o.precisions = "f16".into()).contains("\"f16\", expected some of f32,tf32,bf16"));
    assert!(wrong(&|o| o.batch = 0).contains("--batch 0"));
    assert!(wrong(&|o| o.seconds = f64::NAN).contains("--seconds NaN"));
    assert!(wrong(&|o| o.minutes = 0.0).contains("--minutes 0"));
    assert!(wrong(&|o| o.images = 1).contains("--images 1, expected 2 to"));
    assert!(wrong(&|o| o.networks = "lenet:1".into()).contains("--networks: \"lenet:1\""));
}

#[test]
fn days_and_names_become_a_folder() {
    let day = |days: u64| date(UNIX_EPOCH + Duration::from_secs(days * 86_400 + 3_600));
    assert_eq!(day(0), "1970-01-01");
    assert_eq!(day(11_016), "2000-02-29");
    assert_eq!(day(11_017), "2000-03-01");
    assert_eq!(day(20_778), "2026-11-21");
    assert_eq!(day(20_818), "2026-12-31");
    assert_eq!(day(20_819), "2027-01-01");
    assert_eq!(slug("NVIDIA H200 (cuda:0)"), "nvidia-h200-cuda-0");
}
