//! Scenes as SVG: for the page, for a file of its own, and for the rasteriser.

use super::font::outlines;
use super::palette::{Ink, Marker};
use super::scene::{Anchor, Dash, Mark, Region, Scene};
use super::text::escaped;

/// Who reads the SVG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The page: colours are its custom properties, so that they follow light and dark; text is text.
    Page,
    /// A file opened alone: light colours on white; text is text.
    File,
    /// The rasteriser: as the file, but text is outlines of the font we ship.
    Rasteriser,
}

/// The scene as one `<svg>` element, with an XML declaration's worth of namespaces unless it stands in a page.
pub fn svg(scene: &Scene, reader: Reader) -> String {
    let (w, h) = (scene.width, scene.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" width=\"{}\" height=\"{}\" role=\"img\" \
         font-family=\"system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif\">\n",
        px(w),
        px(h),
        px(w),
        px(h)
    );
    out += &format!("<title>{}</title>\n", escaped(&scene.title));
    if reader != Reader::Page {
        out += &format!("<rect width=\"{}\" height=\"{}\" {}/>\n", px(w), px(h), fill(Ink::Paper, reader));
    }
    for mark in &scene.marks {
        out += &drawn(mark, reader);
        out.push('\n');
    }
    out + "</svg>\n"
}

fn drawn(mark: &Mark, reader: Reader) -> String {
    match mark {
        Mark::Line { points, ink, width, opacity, dash } => {
            let dash = match dash {
                Dash::Solid => "",
                Dash::Dashed => " stroke-dasharray=\"7 5\"",
                Dash::Dotted => " stroke-dasharray=\"0.1 4\"",
            };
            format!(
                "<path d=\"{}\" fill=\"none\" {} stroke-width=\"{}\" stroke-opacity=\"{}\" \
                 stroke-linejoin=\"round\" stroke-linecap=\"round\"{dash}/>",
                outline(points),
                stroke(*ink, reader),
                px(*width),
                px(*opacity)
            )
        }
        Mark::Area { points, ink, opacity } => {
            format!(
                "<path d=\"{}Z\" {} fill-opacity=\"{}\"/>",
                outline(points),
                fill(*ink, reader),
                px(*opacity)
            )
        }
        Mark::Point { at, marker, radius, ink } => format!(
            "<path d=\"{}\" style=\"fill:{};stroke:{}\" stroke-width=\"1.2\" stroke-linejoin=\"round\"/>",
            shape(*at, *marker, *radius),
            colour(*ink, reader),
            colour(Ink::Paper, reader)
        ),
        Mark::Hollow { at, marker, radius, ink } => format!(
            "<path d=\"{}\" fill=\"none\" {} stroke-width=\"1.6\" stroke-linejoin=\"round\"/>",
            shape(*at, *marker, *radius),
            stroke(*ink, reader)
        ),
        Mark::Cells { boxes, ink } => {
            format!("<path d=\"{}\" {} shape-rendering=\"crispEdges\"/>", cells(boxes), fill(*ink, reader))
        }
        Mark::Tiles { tiles, ink } => {
            let colour = colour(*ink, reader);
            let closed = |tile: &Vec<(f64, f64)>| outline(tile) + "Z";
            format!(
                "<path d=\"{}\" style=\"fill:{colour};stroke:{colour}\" stroke-width=\"0.6\" stroke-linejoin=\"round\"/>",
                tiles.iter().map(closed).collect::<String>()
            )
        }
        Mark::Strokes { lines, ink, width, opacity } => format!(
            "<path d=\"{}\" fill=\"none\" {} stroke-width=\"{}\" stroke-opacity=\"{}\" stroke-linejoin=\"round\"/>",
            lines.iter().map(|line| outline(line)).collect::<String>(),
            stroke(*ink, reader),
            px(*width),
            px(*opacity)
        ),
        Mark::Rimmed { at, marker, radius, ink, rim } => format!(
            "<path d=\"{}\" style=\"fill:{};stroke:{}\" stroke-width=\"1.6\" stroke-linejoin=\"round\"/>",
            shape(*at, *marker, *radius),
            colour(*ink, reader),
            colour(*rim, reader)
        ),
        Mark::Haloed { at, text, size, ink, rim, anchor } => {
            haloed(*at, text, *size, (*ink, *rim), *anchor, reader)
        }
        Mark::Text { at, text, size, ink, anchor, bold, upright } => {
            let turn = if *upright {
                format!(" transform=\"rotate(-90 {} {})\"", px(at.0), px(at.1))
            } else {
                String::new()
            };
            if reader == Reader::Rasteriser {
                return format!("<g{turn}>{}</g>", outlined(*at, text, *size, *ink, *anchor, *bold));
            }
            let anchor = side(*anchor);
            let weight = if *bold { " font-weight=\"600\"" } else { "" };
            format!(
                "<text x=\"{}\" y=\"{}\" font-size=\"{}\" text-anchor=\"{anchor}\"{weight} {}{turn}>{}</text>",
                px(at.0),
                px(at.1),
                px(*size),
                fill(*ink, reader),
                escaped(text)
            )
        }
    }
}

/// A rim is a stroke below the letters.
fn haloed(
    at: (f64, f64),
    text: &str,
    size: f64,
    (ink, rim): (Ink, Ink),
    anchor: Anchor,
    reader: Reader,
) -> String {
    let rimmed = format!(
        "style=\"fill:{};stroke:{}\" stroke-width=\"3\" stroke-linejoin=\"round\" paint-order=\"stroke\"",
        colour(ink, reader),
        colour(rim, reader)
    );
    let (x, y) = at;
    if reader == Reader::Rasteriser {
        let text = outlines(text, size, true);
        let left = x - text.width * part(anchor);
        return format!(
            "<path transform=\"translate({} {})\" {rimmed} d=\"{}\"/>",
            px(left),
            px(y),
            text.path
        );
    }
    format!(
        "<text x=\"{}\" y=\"{}\" font-size=\"{}\" text-anchor=\"{}\" font-weight=\"600\" {rimmed}>{}</text>",
        px(x),
        px(y),
        px(size),
        side(anchor),
        escaped(text)
    )
}

fn side(anchor: Anchor) -> &'static str {
    match anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    }
}

/// What share of a text lies left of its anchor.
fn part(anchor: Anchor) -> f64 {
    match anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => 0.5,
        Anchor::End => 1.0,
    }
}

/// The text as one path.
fn outlined((x, y): (f64, f64), text: &str, size: f64, ink: Ink, anchor: Anchor, bold: bool) -> String {
    let text = outlines(text, size, bold);
    let (left, y, fill) = (px(x - text.width * part(anchor)), px(y), fill(ink, Reader::Rasteriser));
    format!("<path transform=\"translate({left} {y})\" {fill} d=\"{}\"/>", text.path)
}

fn outline(points: &[(f64, f64)]) -> String {
    let step = |(i, (x, y)): (usize, &(f64, f64))| {
        format!("{}{} {}", if i == 0 { 'M' } else { 'L' }, px(*x), px(*y))
    };
    points.iter().enumerate().map(step).collect()
}

/// Boxes as one path.
fn cells(boxes: &[Region]) -> String {
    let one = |&Region { left, top, right, bottom }: &Region| {
        format!("M{} {}H{}V{}H{}Z", px(left), px(top), px(right), px(bottom), px(left))
    };
    boxes.iter().map(one).collect()
}

/// Shapes of about equal area around the point.
fn shape((x, y): (f64, f64), marker: Marker, r: f64) -> String {
    let polygon = |corners: &[(f64, f64)]| {
        let placed: Vec<(f64, f64)> = corners.iter().map(|(dx, dy)| (x + r * dx, y + r * dy)).collect();
        outline(&placed) + "Z"
    };
    match marker {
        Marker::Circle => {
            let (left, right, r, y) = (px(x - r), px(x + r), px(r), px(y));
            format!("M{left} {y}A{r} {r} 0 0 1 {right} {y}A{r} {r} 0 0 1 {left} {y}Z")
        }
        Marker::Square => polygon(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
        Marker::Up => polygon(&[(0.0, -1.2), (1.15, 0.8), (-1.15, 0.8)]),
        Marker::Diamond => polygon(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]),
        Marker::Down => polygon(&[(0.0, 1.2), (1.15, -0.8), (-1.15, -0.8)]),
        Marker::Cross => polygon(&[
            (-0.42, -1.2),
            (0.42, -1.2),
            (0.42, -0.42),
            (1.2, -0.42),
            (1.2, 0.42),
            (0.42, 0.42),
            (0.42, 1.2),
            (-0.42, 1.2),
            (-0.42, 0.42),
            (-1.2, 0.42),
            (-1.2, -0.42),
            (-0.42, -0.42),
        ]),
    }
}

/// Custom properties are read in styles only; presentation attributes with `var()` are not understood everywhere.
fn colour(ink: Ink, reader: Reader) -> String {
    match reader {
        Reader::Page => ink.css(),
        Reader::File | Reader::Rasteriser => ink.light().to_owned(),
    }
}

fn fill(ink: Ink, reader: Reader) -> String {
    format!("style=\"fill:{}\"", colour(ink, reader))
}

fn stroke(ink: Ink, reader: Reader) -> String {
    format!("style=\"stroke:{}\"", colour(ink, reader))
}

/// At most two decimals, none when whole: short files, and the same text everywhere.
fn px(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
