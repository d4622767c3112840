//! Pictures as PNG: curves over the epochs, and rows of a table as points of a plane.
//!
//! Its tests, in `plots_tests`, run with the recommender alone; for them, more is public than the examples use.

#[path = "components.rs"]
pub mod components;
#[path = "labels.rs"]
pub mod labels;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::element::{Circle, PathElement, Text};
use plotters::prelude::{BitMapBackend, DrawingArea, IntoDrawingArea, IntoFont};
use plotters::series::LineSeries;
use plotters::style::{BLACK, Color, FontStyle, RGBColor, ShapeStyle, TextStyle, WHITE, register_font};

use crate::program::Result;
use crate::shown::shortened;
use components::Plane;
use labels::{Area, POINT_RADIUS};

pub const CURVES_SIZE: (u32, u32) = (1000, 600);
pub const PROJECTION_SIZE: (u32, u32) = (1200, 900);

const FONT: &str = "Ubuntu";
const TITLE_SIZE: i32 = 26;
pub const TEXT_SIZE: i32 = 18;

/// Characters shown of a label.
const SHOWN: usize = 28;

/// What is larger counts as infinite: it would flatten everything else, and arithmetic on it overflow.
const LARGEST: f64 = 1e30;

/// Colours that the colour-blind too can tell apart (Okabe and Ito's).
pub const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
];

type Canvas<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// Makes the folder that pictures go to, and tries to write there, before there is anything to draw, so that a long training
/// does not end for want of it.
pub fn folder(path: &Path) -> Result<()> {
    if path.as_os_str().is_empty() {
        return Err("--plots must name a folder, and is empty".into());
    }
    let name = path.display();
    fs::create_dir_all(path).map_err(|error| format!("{name}: the folder cannot be made: {error}"))?;
    // It is gone again at once.
    tempfile::tempfile_in(path).map_err(|error| format!("{name}: no file can be written there: {error}"))?;
    Ok(())
}

/// Draws curves over the epochs, each with its name: `(name, values of epoch 1, 2, ...)`.
///
/// A value that is not finite is left out, and its curve has a gap there; it is an error if no value is finite.
pub fn curves(path: &Path, title: &str, y_label: &str, curves: &[(&str, &[f64])]) -> Result<()> {
    draw(path, CURVES_SIZE, |canvas| {
        let drawn = |value: &f64| value.abs() <= LARGEST;
        let values = || curves.iter().flat_map(|(_, values)| values.iter().copied()).filter(drawn);
        let Some((low, high)) = range(values()) else {
            return Err("there is no finite value to draw".into());
        };
        let epochs = curves.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        let decimals = (1 - (high - low).log10().floor() as i32).clamp(0, 12) as usize;

        let names: Vec<_> = curves.iter().map(|(name, _)| shortened(name, SHOWN)).collect();
        let legend_width = names.iter().map(|name| text_width(canvas, name)).max().unwrap_or(0) + 60;
        let (chart_area, legend) = canvas.split_horizontally(CURVES_SIZE.0 as i32 - legend_width);
        let mut chart = ChartBuilder::on(&chart_area)
            .caption(title, (FONT, TITLE_SIZE))
            .margin(15)
            .x_label_area_size(50)
            .y_label_area_size(90)
            .build_cartesian_2d(0.5..epochs as f64 + 0.5, low..high)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_desc("epoch")
            .y_desc(y_label)
            .axis_desc_style((FONT, TEXT_SIZE))
            .label_style((FONT, TEXT_SIZE))
            .light_line_style(WHITE)
            .bold_line_style(BLACK.mix(0.15))
            .x_labels(epochs.clamp(2, 12))
            // Between two epochs there is nothing.
            .x_label_formatter(&|epoch| if epoch.fract() == 0.0 { epoch.to_string() } else { String::new() })
            .y_label_formatter(&|value| {
                if high < 1e7 { format!("{value:.decimals$}") } else { format!("{value:.2e}") }
            })
            .draw()?;
        for (number, (_, values)) in curves.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let points: Vec<_> = (1..).map(f64::from).zip(values.iter().copied()).collect();
            for points in points.split(|(_, value)| !drawn(value)) {
                let dots = points.iter().map(|&point| Circle::new(point, POINT_RADIUS, colour.filled()));
                chart.draw_series(LineSeries::new(points.iter().copied(), line(colour)))?;
                chart.draw_series(dots)?;
            }
        }
        for (number, name) in names.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let y = 70 + 30 * number as i32;
            legend.draw(&PathElement::new(vec![(0, y), (30, y)], line(colour)))?;
            legend.draw(&Circle::new((15, y), POINT_RADIUS, colour.filled()))?;
            write(&legend, name, (40, y - TEXT_SIZE / 2))?;
        }
        Ok(())
    })
}

/// Draws the rows of a table, `width` floats each, on their first two principal components, each with its label.
///
/// A label for which there is no room is left out, the later ones first, and so are rows that are not finite; it is an error if
/// no row is finite.
pub fn projection(path: &Path, title: &str, labels: &[String], rows: &[f32], width: usize) -> Result<()> {
    draw(path, PROJECTION_SIZE, |canvas| {
        if labels.len().checked_mul(width) != Some(rows.len()) || width == 0 {
            let (labels, floats) = (labels.len(), rows.len());
            return Err(
                format!("{labels} rows of {width} floats are to be drawn, and there are {floats} floats").into()
            );
        }
        let finite = |(_, row): &(&String, &[f32])| row.iter().all(|value| value.is_finite());
        let (labels, rows): (Vec<_>, Vec<_>) = labels.iter().zip(rows.chunks(width)).filter(finite).unzip();
        let Plane { points, shares } = components::plane(&rows.concat(), width)?;
        let ranges = [0, 1].map(|axis| range(points.iter().map(|point| point[axis])));
        let [Some((left, right)), Some((bottom, top))] = ranges else {
            return Err("there is no row of finite floats to draw".into());
        };
        let description =
            |name: &str, share: f64| format!("{name} principal component, {:.0} % of the variance", 100.0 * share);
        let mut chart = ChartBuilder::on(canvas)
            .caption(title, (FONT, TITLE_SIZE))
            .margin(15)
            .x_label_area_size(40)
            .y_label_area_size(40)
            .build_cartesian_2d(left..right, bottom..top)?;
        // Their numbers would say nothing.
        chart
            .configure_mesh()
            .x_desc(description("first", shares[0]))
            .y_desc(description("second", shares[1]))
            .axis_desc_style((FONT, TEXT_SIZE))
            .x_labels(0)
            .y_labels(0)
            .draw()?;
        let pixels: Vec<_> = points.iter().map(|&[x, y]| chart.backend_coord(&(x, y))).collect();
        let labels: Vec<_> = labels.iter().map(|label| shortened(label, SHOWN)).collect();
        let sizes: Vec<_> = labels.iter().map(|label| (text_width(canvas, label), TEXT_SIZE)).collect();
        let (x, y) = chart.plotting_area().get_pixel_range();
        let bounds = Area { left: x.start, top: y.start, right: x.end, bottom: y.end };
        for &pixel in &pixels {
            canvas.draw(&Circle::new(pixel, POINT_RADIUS, COLOURS[0].filled()))?;
        }
        for (label, area) in labels.iter().zip(labels::place(&pixels, &sizes, bounds)) {
            if let Some(area) = area {
                write(canvas, label, (area.left, area.top))?;
            }
        }
        Ok(())
    })
}

/// Writes a picture; an error names its file.
fn draw(path: &Path, size: (u32, u32), picture: impl FnOnce(&Canvas<'_>) -> Result<()>) -> Result<()> {
    let drawn = || -> Result<()> {
        // Its letters are in the program, so it looks the same everywhere.
        static REGISTERED: OnceLock<bool> = OnceLock::new();
        let register = || register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).is_ok();
        if !REGISTERED.get_or_init(register) {
            return Err("the font cannot be read".into());
        }
        let mut pixels = vec![0; 3 * size.0 as usize * size.1 as usize];
        let canvas = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
        canvas.fill(&WHITE)?;
        picture(&canvas)?;
        drop(canvas);
        // Not left to plotters, which says what went wrong with a file in Rust.
        Ok(fs::write(path, png(&pixels, size)?)?)
    };
    drawn().map_err(|error| format!("{}: cannot be drawn: {error}", path.display()).into())
}

fn png(pixels: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

/// From the least to the greatest value with some room, none if there are no values.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values.map(|value| (value, value)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    // Equal values lie in the middle.
    let is_constant = high - low <= 1e-9 * low.abs().max(high.abs());
    let room = if !is_constant {
        0.08 * (high - low)
    } else if low == 0.0 {
        1.0
    } else {
        0.5 * low.abs()
    };
    Some((low - room, high + room))
}

fn line(colour: RGBColor) -> ShapeStyle {
    colour.stroke_width(2)
}

fn text_style() -> TextStyle<'static> {
    (FONT, TEXT_SIZE).into_font().color(&BLACK)
}

/// Draws text whose letters, with what stands above and below, fill `TEXT_SIZE` pixels from `top` on.
pub fn write(canvas: &Canvas<'_>, text: &str, (left, top): (i32, i32)) -> Result<()> {
    // plotters has the line that letters stand on half the size below the position, and ab_glyph's letters are taller.
    Ok(canvas.draw(&Text::new(text, (left, top + TEXT_SIZE / 3), text_style()))?)
}

/// In pixels; characters that the font lacks are as wide as the box that stands for them.
pub fn text_width(canvas: &Canvas<'_>, text: &str) -> i32 {
    canvas.estimate_text_size(text, &text_style()).map_or(0, |(width, _)| width as i32)
}
