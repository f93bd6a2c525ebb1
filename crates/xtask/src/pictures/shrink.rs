//! Makes a picture of the page small: one byte for each pixel, and a palette. What has more colours than that,
//! as letters with soft edges have, gets the nearest one. Knows nothing of what is on it.

use std::collections::HashMap;
use std::fs;
use std::io::BufReader;
use std::iter::repeat_n;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Filter, Transformations};

use super::screen::Rgb;

/// Colours of a palette.
const MOST: usize = 256;

/// Colours that are kept because they are frequent; the others are those farthest from what is kept.
const FREQUENT: usize = 96;

/// Writes the picture anew, and returns how many bytes it has.
pub(super) fn shrink(place: &Path) -> Result<u64> {
    let (width, pixels) = read(place).with_context(|| format!("{}", place.display()))?;
    let mut counts: HashMap<Rgb, usize> = HashMap::new();
    for run in runs(&pixels) {
        *counts.entry(run[0]).or_default() += run.len();
    }
    let palette = palette(&counts);
    let numbers: HashMap<Rgb, u8> = counts
        .keys()
        .map(|colour| (*colour, nearest(&palette, *colour)))
        .collect();
    let height = u32::try_from(pixels.len())? / width;
    let file = fs::File::create(place)?;
    let mut encoder = Encoder::new(file, width, height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(palette.as_flattened());
    encoder.set_compression(Compression::High);
    // Neighbours in a palette are no neighbours in colour.
    encoder.set_filter(Filter::NoFilter);
    let indexed: Vec<u8> = runs(&pixels)
        .flat_map(|run| repeat_n(numbers[&run[0]], run.len()))
        .collect();
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&indexed)?;
    writer.finish()?;
    Ok(fs::metadata(place)?.len())
}

/// Neighbours of one colour: a page is mostly that.
fn runs(pixels: &[Rgb]) -> impl Iterator<Item = &[Rgb]> {
    pixels.chunk_by(|one, other| one == other)
}

/// How wide it is, and its pixels, line by line.
fn read(place: &Path) -> Result<(u32, Vec<Rgb>)> {
    let mut decoder = Decoder::new(BufReader::new(fs::File::open(place)?));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info()?;
    let size = reader.output_buffer_size().context("a picture too large")?;
    let mut bytes = vec![0; size];
    let frame = reader.next_frame(&mut bytes)?;
    let channels = frame.color_type.samples();
    ensure!(channels >= 3, "{:?} instead of colours", frame.color_type);
    bytes.truncate(frame.buffer_size());
    let pixels = bytes.chunks_exact(channels);
    let pixels = pixels.map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    Ok((frame.width, pixels))
}

/// The most frequent colours, and then always the one that is farthest from all others.
fn palette(counts: &HashMap<Rgb, usize>) -> Vec<Rgb> {
    let mut colours: Vec<(usize, Rgb)> = counts.iter().map(|(rgb, count)| (*count, *rgb)).collect();
    colours.sort_unstable();
    let mut colours: Vec<Rgb> = colours.into_iter().rev().map(|(_, rgb)| rgb).collect();
    // Each with how far it is from the nearest one that is kept.
    let others = colours.split_off(colours.len().min(FREQUENT));
    let far = |rgb: Rgb| colours.iter().map(|kept| distance(*kept, rgb)).min();
    let mut others: Vec<(Option<u32>, Rgb)> =
        others.into_iter().map(|rgb| (far(rgb), rgb)).collect();
    while colours.len() < MOST {
        let farthest = (0..others.len()).max_by_key(|at| others[*at]);
        let Some(farthest) = farthest else { break };
        let (_, kept) = others.swap_remove(farthest);
        for (far, rgb) in &mut others {
            *far = (*far).min(Some(distance(kept, *rgb)));
        }
        colours.push(kept);
    }
    colours
}

fn nearest(palette: &[Rgb], colour: Rgb) -> u8 {
    let numbers = (0..=u8::MAX).zip(palette);
    let nearest = numbers.min_by_key(|(_, kept)| distance(**kept, colour));
    nearest.map_or(0, |(number, _)| number)
}

fn distance(one: Rgb, other: Rgb) -> u32 {
    let squares = one.into_iter().zip(other).map(|(one, other)| {
        let apart = u32::from(one.abs_diff(other));
        apart * apart
    });
    squares.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(place: &Path, pixels: &[Rgb], width: u32) {
        let file = fs::File::create(place).expect("a file");
        let height = u32::try_from(pixels.len()).expect("a small picture") / width;
        let mut encoder = Encoder::new(file, width, height);
        encoder.set_color(ColorType::Rgb);
        let mut writer = encoder.write_header().expect("a head");
        let written = writer.write_image_data(pixels.as_flattened());
        written.expect("its pixels");
    }

    #[test]
    fn few_colours_stay_what_they_are_and_where_they_are() {
        let dir = tempfile::tempdir().expect("a directory");
        let place = dir.path().join("few.png");
        let pixels = [[1, 2, 3], [250, 0, 9], [1, 2, 3], [7, 7, 7], [0; 3], [9; 3]];
        write(&place, &pixels, 3);
        shrink(&place).expect("a picture");
        assert_eq!(read(&place).expect("a picture"), (3, pixels.to_vec()));
    }

    #[test]
    fn of_many_colours_none_is_far_from_what_it_was_however_rare_it_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let place = dir.path().join("many.png");
        let mut pixels: Vec<Rgb> = Vec::new();
        for step in 0..=u8::MAX {
            // All greys twice and all blues, and one red.
            pixels.extend([[step; 3], [step; 3], [0, 0, step], [200, 30, 20]]);
        }
        write(&place, &pixels, 256);
        shrink(&place).expect("a picture");
        let (_, drawn) = read(&place).expect("a picture");
        let wrong = pixels.iter().zip(&drawn);
        let wrong = wrong.map(|(was, is)| distance(*was, *is)).max();
        assert!(wrong < Some(40), "{wrong:?}");
        assert_eq!(drawn[3], [200, 30, 20]);
    }
}
