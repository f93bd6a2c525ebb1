//! Bars side by side as an SVG, in colours that read on white and on black alike. Knows nothing of
//! works.

use std::fmt::Write as _;

use super::found::{Bar, Bars, Better, Whose};

/// Where names end and bars begin.
const LEFT: f64 = 200.0;

/// The longest bar.
const WIDTH: f64 = 430.0;

/// From one bar to the next.
const STEP: f64 = 32.0;

const THICK: f64 = 20.0;

/// Where the first bar begins.
const TOP: f64 = 56.0;

const STYLE: &str = r#"  <!-- Mid-tones on purpose: they read on white and on black alike. -->
  <style>
    text { fill: #7d8590; }
    .title { font-size: 15px; font-weight: 600; }
    .name { text-anchor: end; }
    .haul { fill: #3b82c4; }
    text.haul { font-weight: 600; }
    .peer { fill: #7d8590; fill-opacity: 0.55; }
    .floor { fill: #c98a1b; fill-opacity: 0.7; }
    .mark { stroke: #c98a1b; stroke-width: 1.5; stroke-dasharray: 5 4; fill: none; }
    text.mark { stroke: none; fill: #c98a1b; text-anchor: middle; }
  </style>
"#;

/// The picture of a work with that title.
pub(super) fn draw(title: &str, bars: &Bars) -> String {
    let height = TOP + STEP * bars.bars.len() as f64 + if bars.mark.is_some() { 26.0 } else { 6.0 };
    let title = escaped(title);
    let better = match bars.better {
        Better::Shorter => "shorter is better",
        Better::Longer => "longer is better",
    };
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 {height}\" role=\"img\" \
         aria-labelledby=\"title desc\" font-family=\"ui-sans-serif, system-ui, sans-serif\" \
         font-size=\"13\">\n  <title id=\"title\">{title}</title>\n  <desc id=\"desc\">{}</desc>\n\
         {STYLE}",
        escaped(&in_words(bars))
    );
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "  <text class=\"title\" x=\"{LEFT}\" y=\"24\">{title}</text>\n  \
         <text x=\"{LEFT}\" y=\"43\">{}; {better}</text>",
        bars.unit
    );
    let longest = longest(bars);
    for (row, bar) in bars.bars.iter().enumerate() {
        draw_bar(&mut text, TOP + STEP * row as f64, bar, longest);
    }
    if let Some(mark) = &bars.mark {
        let x = LEFT + length(mark.value, longest);
        let foot = TOP + STEP * bars.bars.len() as f64;
        let _ = writeln!(
            text,
            "  <path class=\"mark\" d=\"M{x:.1} {} V{foot}\"/>\n  \
             <text class=\"mark\" x=\"{x:.1}\" y=\"{}\">{} {}</text>",
            TOP - 4.0,
            foot + 15.0,
            escaped(&mark.name),
            figure(mark.value)
        );
    }
    text.push_str("</svg>\n");
    text
}

fn draw_bar(text: &mut String, top: f64, bar: &Bar, longest: f64) {
    let class = match bar.whose {
        Whose::Haul => "haul",
        Whose::Peer => "peer",
        Whose::Floor => "floor",
    };
    let length = length(bar.value, longest);
    let base = top + THICK - 5.0;
    let (own, plain) = match bar.whose {
        Whose::Haul => ("name haul", "haul"),
        _ => ("name", ""),
    };
    let _ = writeln!(
        text,
        "  <text class=\"{own}\" x=\"{}\" y=\"{base}\">{}</text>\n  \
         <rect class=\"{class}\" x=\"{LEFT}\" y=\"{top}\" width=\"{length:.1}\" height=\"{THICK}\" \
         rx=\"3\"/>\n  <text class=\"{plain}\" x=\"{:.1}\" y=\"{base}\">{}</text>",
        LEFT - 10.0,
        escaped(&bar.name),
        LEFT + length + 8.0,
        figure(bar.value)
    );
}

/// The figure of the longest bar; the mark must find room, too.
fn longest(bars: &Bars) -> f64 {
    let all = bars.bars.iter().chain(&bars.mark);
    all.map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max)
}

/// No bar is so short that it cannot be seen.
fn length(value: f64, longest: f64) -> f64 {
    (WIDTH * value / longest).max(2.0)
}

/// With three digits that say something.
pub(super) fn figure(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

/// For those who do not see the picture.
fn in_words(bars: &Bars) -> String {
    let all = bars.bars.iter().chain(&bars.mark);
    let all: Vec<String> = all
        .map(|bar| format!("{} {}", bar.name, figure(bar.value)))
        .collect();
    format!("In {}: {}.", bars.unit, all.join("; "))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn bar(name: &str, value: f64, whose: Whose) -> Bar {
        Bar {
            name: name.into(),
            value,
            whose,
        }
    }

    fn bars(mark: f64) -> Bars {
        Bars {
            unit: "seconds",
            better: Better::Shorter,
            bars: vec![
                bar("haul", 1.0, Whose::Haul),
                bar("a & b", 4.0, Whose::Peer),
                bar("quick", 0.0001, Whose::Peer),
            ],
            mark: Some(bar("floor", mark, Whose::Floor)),
        }
    }

    #[test]
    fn lengths_are_in_proportion_and_none_is_invisible() {
        let text = draw("title", &bars(2.0));
        for expected in ["width=\"107.5\"", "width=\"430.0\"", "width=\"2.0\""] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        // The mark is half-way along the longest bar.
        assert!(text.contains("M415.0 "), "{text}");
        assert!(text.contains(">a &amp; b<"), "{text}");
    }

    #[test]
    fn a_mark_beyond_all_bars_stays_in_the_picture() {
        let text = draw("title", &bars(8.0));
        assert!(text.contains("M630.0 "), "{text}");
        assert!(text.contains("width=\"215.0\""), "{text}");
    }

    #[test]
    fn figures_have_three_digits() {
        for (value, shown) in [(0.567, "0.57"), (12.345, "12.3"), (1234.5, "1234")] {
            assert_eq!(figure(value), shown);
        }
    }
}
