//! Specs as TOML.

use permutation_spec::{Norm, PermutationSpec, Segment, Shortcut, SpecError, TomlError};

#[test]
fn every_family_survives_the_round_trip() {
    let specs = [
        PermutationSpec::mlp(&["a", "b", "c"]),
        PermutationSpec::vit(2, 4),
        PermutationSpec::timm_vit(2, 4),
        PermutationSpec::vgg(16, Norm::Batch, 49, &["classifier.0", "classifier.3"]),
        PermutationSpec::cifar_resnet(2, Shortcut::ZeroPad, Norm::Batch),
        PermutationSpec::torchvision_resnet(50),
        PermutationSpec::builder().tied("mix", &[Some("h"), Some("h")]).build(),
        PermutationSpec::builder().concatenated("w", &[vec![Segment::Fixed(3), Segment::units("")]]).build(),
        PermutationSpec::builder().build(),
    ];
    for spec in specs.map(Result::unwrap) {
        let text = spec.to_toml().unwrap();
        assert_eq!(PermutationSpec::from_toml(&text).unwrap(), spec, "{text}");
    }
}

#[test]
fn a_spec_can_be_written_by_hand() {
    let text = r#"
        format = 1
        [[parameter]]
        name = "a.in_proj_weight"
        axes = [["a.qk", "a.qk", "a.vo"], "stream"]
        [[parameter]]
        name = "head.weight"
        axes = [[], [{ units = "stream", each = 4 }, 2]]
        [[parameter]]
        name = "seen"
        axes = ["stream"]
        carried = true
        [[attention]]
        qk = "a.qk"
        vo = "a.vo"
        heads = 8
    "#;
    let spec = PermutationSpec::from_toml(text).unwrap();
    assert_eq!(spec.groups()[0].heads, 8);
    assert_eq!(spec.segments("head.weight", 1).unwrap(), [Segment::blocks("stream", 4), Segment::Fixed(2)]);
    assert!(spec.is_matched("head.weight") && !spec.is_matched("seen"));
}

#[test]
fn texts_that_are_no_specs_are_refused() {
    assert_eq!(PermutationSpec::from_toml("format = 2"), Err(TomlError::Format { found: 2 }));
    for text in
        ["", "format = [", "format = 1\nunknown = 3", "format = 1\n[[parameter]]\nname = \"w\"\naxes = [-1]"]
    {
        assert!(matches!(PermutationSpec::from_toml(text), Err(TomlError::Syntax(_))), "{text}");
    }
    let twice = "format = 1\n[[parameter]]\nname = \"w\"\naxes = []\n[[parameter]]\nname = \"w\"\naxes = []";
    let parameter = "w".to_owned();
    let expected = TomlError::Spec(SpecError::DuplicateParameter { parameter });
    assert_eq!(PermutationSpec::from_toml(twice), Err(expected));
}
