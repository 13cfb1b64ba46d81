//! The names in a pickle that mean something here. Every other name becomes an opaque value, and no name is ever
//! called: what the known ones do is carried out by this crate.

use crate::Element;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// A dictionary, such as `collections.OrderedDict`.
    Dict,
    /// `torch._utils._rebuild_tensor`, `_rebuild_tensor_v2`, `_rebuild_tensor_v3`.
    Tensor,
    /// `torch._utils._rebuild_parameter`, `_rebuild_parameter_with_state`.
    Parameter,
    /// `torch._tensor._rebuild_from_type_v2`: a function, a class, and what the function is called with.
    OfType,
    /// A class of `torch` such as `FloatStorage`.
    Storage(Element),
    /// `torch.storage.UntypedStorage`: bytes.
    Untyped,
}

/// The names that a state dict is rebuilt with.
pub(crate) fn known(module: &str, name: &str) -> Option<Known> {
    match (module, name) {
        ("collections", "OrderedDict" | "defaultdict" | "Counter") => Some(Known::Dict),
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3") => {
            Some(Known::Tensor)
        }
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Some(Known::Parameter),
        ("torch._tensor", "_rebuild_from_type_v2") => Some(Known::OfType),
        ("torch.storage" | "torch", "UntypedStorage") => Some(Known::Untyped),
        ("torch" | "torch.cuda", class) => Element::of_storage(class).map(Known::Storage),
        _ => None,
    }
}

/// Names that run commands or code given as text. Nothing would be executed here, but a file that asks for them is
/// an attack on those who load it otherwise, so it is refused wherever they stand.
pub(crate) fn is_command(module: &str, name: &str) -> bool {
    match module {
        "os" | "posix" | "nt" => {
            ["exec", "spawn", "fork", "posix_spawn"].iter().any(|start| name.starts_with(start))
                || ["system", "popen", "startfile", "remove", "unlink", "rename", "kill", "putenv"]
                    .contains(&name)
        }
        "subprocess" | "commands" | "pty" | "runpy" | "socket" | "webbrowser" | "ctypes" | "code" => true,
        "builtins" | "__builtin__" => {
            ["eval", "exec", "execfile", "compile", "__import__", "open", "input", "breakpoint"]
                .contains(&name)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_names_beside_the_weights_are_no_commands() {
        for (module, name) in [
            ("numpy.core.multiarray", "_reconstruct"),
            ("pathlib", "PosixPath"),
            ("datetime", "datetime"),
            ("random", "Random"),
            ("functools", "partial"),
            ("builtins", "max"),
            ("builtins", "getattr"),
            ("os", "stat_result"),
        ] {
            assert!(!is_command(module, name) && known(module, name).is_none(), "{module}.{name}");
        }
        for (module, name) in
            [("posix", "system"), ("os", "execvp"), ("subprocess", "Popen"), ("builtins", "eval")]
        {
            assert!(is_command(module, name), "{module}.{name}");
        }
    }
}
