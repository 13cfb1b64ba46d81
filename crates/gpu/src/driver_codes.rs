//! What the numbers of the CUDA driver mean for somebody who trains.
//!
//! By number, not by the bindings' names, which differ between versions of CUDA; so the table is tested without any.

use super::GpuError;

/// The error for a driver's code other than 0. `name` is the driver's own word for it; `during` says what was
/// tried, as an infinitive.
pub fn driver_error(code: u32, name: &str, during: &str) -> GpuError {
    let found = format!("{name} ({code})");
    match code {
        2 => GpuError::OutOfMemory { wanted: 0, found: format!("{found} while it was to {during}") },
        // No library, none that initialises, one that is older than the toolkit, or a kernel module that does not
        // match it.
        3 | 34 | 35 | 36 | 802..=804 => {
            GpuError::NoDriver { found: format!("{found} when asked to {during}") }
        }
        100 | 101 => GpuError::NoDevice { wanted: 0, found: 0 },
        200 | 209 | 218 | 221..=223 => GpuError::Compile {
            source_name: during.to_owned(),
            target: "this device".into(),
            log: format!(
                "the driver refuses it with {found}; a driver of at least version 580 takes what the run-time compiler \
                 of CUDA 13.0 writes"
            ),
        },
        // Of these the context does not recover: faults of a kernel, of the memory, of the connection.
        46 | 201 | 214 | 220 | 226 | 700 | 702 | 708..=710 | 714..=719 | 721 | 805..=810 | 999 => {
            GpuError::Lost { during: during.to_owned(), found }
        }
        900..=908 => GpuError::Captured { what: format!("{found} while it was to {during}") },
        _ => GpuError::Launch { kernel: during.to_owned(), found },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_that_a_user_can_act_on_has_its_own_words() {
        let error = |code| driver_error(code, "CUDA_ERROR_X", "run conv").to_string();
        for code in [3, 34, 35, 803] {
            assert!(error(code).starts_with("no NVIDIA driver: CUDA_ERROR_X"), "{}", error(code));
        }
        assert!(matches!(driver_error(100, "", ""), GpuError::NoDevice { .. }));
        assert!(matches!(driver_error(2, "", ""), GpuError::OutOfMemory { .. }));
        assert!(matches!(driver_error(222, "", ""), GpuError::Compile { .. }));
        for code in [214, 700, 719, 999] {
            let said = error(code);
            assert!(
                said.contains("lost while it was to run conv") && said.contains(&format!("({code})")),
                "{said}"
            );
        }
        assert!(error(901).starts_with("CUDA_ERROR_X (901) while it was to run conv inside captured work"));
        assert!(error(1).starts_with("kernel run conv: CUDA_ERROR_X (1). "));
    }
}
