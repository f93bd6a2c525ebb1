//! The outcome as a picture: four small charts over the completed downloads, in colours that read on
//! white and on black alike.

use std::fmt::Write;

use super::outcome::Outcome;
use super::sample::{Sample, mib};

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 150.0;

const HEAD: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 500" role="img" aria-labelledby="title desc" font-family="ui-sans-serif, system-ui, sans-serif" font-size="13">
  <title id="title">A long life</title>
  <desc id="desc">Resident memory, file descriptors, tasks and the size of the database of one daemon, each over the number of downloads that it has completed.</desc>
  <!-- Mid-tones on purpose: they read on white and on black alike. -->
  <style>
    text { fill: #7d8590; }
    .name { font-size: 15px; font-weight: 600; }
    .side { text-anchor: end; }
    .foot { text-anchor: middle; }
    .axis { stroke: #7d8590; stroke-width: 1.5; fill: none; }
    .grid { stroke: #7d8590; stroke-opacity: 0.25; fill: none; }
    .seen { stroke: #3b82c4; stroke-width: 2; fill: none; stroke-linejoin: round; }
    .fit { stroke: #c98a1b; stroke-width: 1.5; stroke-dasharray: 5 4; fill: none; }
  </style>
"##;

/// One chart.
struct Chart<'a> {
    name: String,
    left: f64,
    top: f64,
    /// Downloads, at the right end of the axis.
    downloads: f64,
    value: &'a dyn Fn(&Sample) -> f64,
    fit: Option<((f64, f64), (f64, f64))>,
}

/// The picture `docs/soak.svg`.
pub(super) fn draw(outcome: &Outcome) -> String {
    let downloads = outcome.downloads as f64;
    let growth = outcome.growth();
    let fifth = downloads / 5.0;
    let fitted = |x: f64| (x, growth.at(x) / f64::from(1 << 20));
    let charts = [
        Chart {
            name: format!(
                "memory, MiB ({:.0} bytes per download, dashed)",
                growth.slope
            ),
            left: 60.0,
            top: 40.0,
            downloads,
            value: &|sample| mib(sample.resident),
            fit: Some((fitted(fifth), fitted(downloads))),
        },
        Chart {
            name: "file descriptors".into(),
            left: 500.0,
            top: 40.0,
            downloads,
            value: &|sample| sample.descriptors as f64,
            fit: None,
        },
        Chart {
            name: "tasks".into(),
            left: 60.0,
            top: 285.0,
            downloads,
            value: &|sample| sample.tasks as f64,
            fit: None,
        },
        Chart {
            name: "database with its log, MiB".into(),
            left: 500.0,
            top: 285.0,
            downloads,
            value: &|sample| mib(sample.stored),
            fit: None,
        },
    ];
    let mut text = HEAD.to_owned();
    for chart in charts {
        chart.draw(&mut text, outcome);
    }
    text.push_str("</svg>\n");
    text
}

impl Chart<'_> {
    fn draw(&self, text: &mut String, outcome: &Outcome) {
        // Where it rested before and after belongs into the picture too.
        let ends = (&outcome.start, &outcome.end);
        let samples = std::iter::once(ends.0)
            .chain(&outcome.samples)
            .chain([ends.1]);
        let points: Vec<(f64, f64)> = samples
            .map(|sample| (sample.completed as f64, (self.value)(sample)))
            .collect();
        let highest = points.iter().map(|(_, y)| *y).fold(1.0, f64::max);
        let step = step(highest);
        let top = (highest / step).ceil() * step;
        let place = |(x, y): (f64, f64)| {
            let right = self.left + WIDTH * x / self.downloads;
            (right, self.top + HEIGHT * (1.0 - y / top))
        };
        let (left, base) = (self.left, self.top + HEIGHT);
        let right = left + WIDTH;

        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "\n  <text class=\"name\" x=\"{left}\" y=\"{}\">{}</text>",
            self.top - 14.0,
            self.name
        );
        let mut at = 0.0;
        while at <= top + step / 2.0 {
            let y = place((0.0, at)).1;
            let _ = writeln!(
                text,
                "  <path class=\"grid\" d=\"M{left} {y:.1} H{right}\"/>"
            );
            let _ = writeln!(
                text,
                "  <text class=\"side\" x=\"{}\" y=\"{:.1}\">{at}</text>",
                left - 7.0,
                y + 4.5
            );
            at += step;
        }
        let _ = writeln!(
            text,
            "  <path class=\"axis\" d=\"M{left} {} V{base} H{right}\"/>",
            self.top
        );
        for part in [0.0, 0.5, 1.0] {
            let shown = (self.downloads * part).round();
            let x = left + WIDTH * part;
            let _ = writeln!(
                text,
                "  <text class=\"foot\" x=\"{x}\" y=\"{}\">{shown}</text>",
                base + 18.0
            );
        }
        let _ = writeln!(
            text,
            "  <text class=\"foot\" x=\"{}\" y=\"{}\">completed downloads</text>",
            left + WIDTH / 2.0,
            base + 36.0
        );
        let line: Vec<String> = points
            .into_iter()
            .map(place)
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let _ = writeln!(
            text,
            "  <polyline class=\"seen\" points=\"{}\"/>",
            line.join(" ")
        );
        if let Some((from, to)) = self.fit {
            let ((x1, y1), (x2, y2)) = (place(from), place(to));
            let _ = writeln!(
                text,
                "  <path class=\"fit\" d=\"M{x1:.1} {y1:.1} L{x2:.1} {y2:.1}\"/>"
            );
        }
    }
}

/// A round distance between lines, so that there are three to six of them.
fn step(highest: f64) -> f64 {
    let rough = highest / 5.0;
    let unit = 10f64.powf(rough.log10().floor()).max(1.0);
    let times = [1.0, 2.0, 5.0, 10.0];
    let fits = times.into_iter().find(|times| unit * times >= rough);
    unit * fits.unwrap_or(10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_at_round_numbers_and_few() {
        for (highest, expected) in [
            (1.0, 1.0),
            (7.0, 2.0),
            (48.0, 10.0),
            (130.0, 50.0),
            (26.0, 10.0),
        ] {
            assert!(
                (step(highest) - expected).abs() < 1e-9,
                "{highest}: {}",
                step(highest)
            );
        }
    }
}
