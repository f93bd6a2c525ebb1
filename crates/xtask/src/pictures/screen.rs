//! What stands on a terminal's screen, as pieces that can be drawn: where, how long, in which colours. Reads
//! the escape codes of a capture. Knows nothing of how it is drawn.

use vt100::{Cell, Color, Parser};

/// Red, green and blue.
pub(super) type Rgb = [u8; 3];

/// What letters without a colour of their own are drawn in, and on.
pub(super) const INK: Rgb = [0xd1, 0xd9, 0xe0];
pub(super) const GROUND: Rgb = [0x0d, 0x11, 0x17];

/// The sixteen colours that have names; each can be read on [`GROUND`].
const NAMED: [Rgb; 16] = [
    [0x48, 0x4f, 0x58],
    [0xff, 0x7b, 0x72],
    [0x56, 0xd3, 0x64],
    [0xe3, 0xb3, 0x41],
    [0x79, 0xc0, 0xff],
    [0xd2, 0xa8, 0xff],
    [0x39, 0xc5, 0xcf],
    [0xb1, 0xba, 0xc4],
    [0x6e, 0x76, 0x81],
    [0xff, 0xa1, 0x98],
    [0x7e, 0xe7, 0x87],
    [0xf2, 0xcc, 0x60],
    [0xa5, 0xd6, 0xff],
    [0xe2, 0xc5, 0xff],
    [0x76, 0xe3, 0xea],
    [0xff, 0xff, 0xff],
];

/// One line of a screen. What is blank is in neither list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// Where it is not [`GROUND`].
    pub(super) grounds: Vec<Ground>,
    pub(super) pieces: Vec<Piece>,
}

/// Cells of one background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ground {
    pub(super) column: u16,
    pub(super) cells: u16,
    pub(super) colour: Rgb,
}

/// Cells that are drawn in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) column: u16,
    pub(super) cells: u16,
    pub(super) text: String,
    pub(super) colour: Rgb,
    pub(super) is_bold: bool,
    /// All of it are signs that fill parts of their cells.
    pub(super) is_blocks: bool,
}

/// The lines of a screen of this size, of which `captured` holds each with its escape codes.
pub(super) fn read(captured: &str, columns: u16, rows: u16) -> Vec<Row> {
    let mut parser = Parser::new(rows, columns, 0);
    // Behind the last line the screen would scroll.
    let captured = captured.strip_suffix('\n').unwrap_or(captured);
    parser.process(captured.replace('\n', "\r\n").as_bytes());
    let screen = parser.screen();
    let row = |row| {
        let cells = (0..columns).filter_map(|column| Some((column, screen.cell(row, column)?)));
        read_row(cells)
    };
    (0..rows).map(row).collect()
}

fn read_row<'a>(cells: impl Iterator<Item = (u16, &'a Cell)>) -> Row {
    let mut row = Row::default();
    // The blank between two words is a part of the text; the first of several ends it.
    let mut blanks = 0;
    for (column, cell) in cells.filter(|(_, cell)| !cell.is_wide_continuation()) {
        let width = if cell.is_wide() { 2 } else { 1 };
        let (colour, ground) = colours(cell);
        if ground != GROUND {
            match row.grounds.last_mut() {
                Some(last) if last.colour == ground && last.column + last.cells == column => {
                    last.cells += width;
                }
                _ => row.grounds.push(Ground {
                    column,
                    cells: width,
                    colour: ground,
                }),
            }
        }
        let text = cell.contents();
        if text.trim().is_empty() {
            blanks += 1;
            continue;
        }
        let is_blocks = text.chars().all(is_block);
        let goes_on = |last: &&mut Piece| {
            let looks_alike = last.colour == colour && last.is_bold == cell.bold();
            let is_near = blanks == 0 || (blanks == 1 && !is_blocks);
            looks_alike && is_near && last.is_blocks == is_blocks
        };
        match row.pieces.last_mut().filter(goes_on) {
            Some(last) => {
                last.text.extend((0..blanks).map(|_| ' '));
                last.text.push_str(text);
                last.cells = column + width - last.column;
            }
            None => row.pieces.push(Piece {
                column,
                cells: width,
                text: text.to_owned(),
                colour,
                is_bold: cell.bold(),
                is_blocks,
            }),
        }
        blanks = 0;
    }
    row
}

/// Blocks that fill a cell by eighths, and the line across the screen.
fn is_block(sign: char) -> bool {
    matches!(sign, '▁'..='▏' | '─')
}

/// What a cell is drawn in, and on.
fn colours(cell: &Cell) -> (Rgb, Rgb) {
    let mut ink = colour(cell.fgcolor(), INK);
    let mut ground = colour(cell.bgcolor(), GROUND);
    if cell.inverse() {
        std::mem::swap(&mut ink, &mut ground);
    }
    if cell.dim() {
        ink = between(ink, ground);
    }
    (ink, ground)
}

fn colour(colour: Color, default: Rgb) -> Rgb {
    match colour {
        Color::Default => default,
        Color::Rgb(red, green, blue) => [red, green, blue],
        Color::Idx(index) => match NAMED.get(usize::from(index)) {
            Some(named) => *named,
            None => of_the_256(index),
        },
    }
}

/// A colour of the cube, or a grey, as all terminals have them from number 16 on.
fn of_the_256(index: u8) -> Rgb {
    if let Some(grey) = index.checked_sub(232) {
        return [8 + 10 * grey; 3];
    }
    let place = index - 16;
    [place / 36, place / 6 % 6, place % 6].map(|step| if step == 0 { 0 } else { 55 + 40 * step })
}

/// Faint letters: three parts of one and two of the other, which can still be read.
fn between(ink: Rgb, ground: Rgb) -> Rgb {
    let mixed = |(ink, ground): (u8, u8)| (u16::from(ink) * 3 + u16::from(ground) * 2) / 5;
    let mut both = ink.into_iter().zip(ground).map(mixed);
    [(); 3].map(|()| u8::try_from(both.next().unwrap_or(0)).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(column: u16, text: &str, colour: Rgb) -> Piece {
        Piece {
            column,
            cells: u16::try_from(text.chars().count()).expect("a short text"),
            text: text.into(),
            colour,
            is_bold: false,
            is_blocks: false,
        }
    }

    #[test]
    fn colours_words_and_blocks_become_pieces_in_their_places() {
        let captured = "\x1b[36mmoving on\x1b[39m   done\n  \x1b[1mbold\x1b[0m █▌··\n";
        let rows = read(captured, 20, 3);
        assert_eq!(
            rows[0].pieces,
            [piece(0, "moving on", NAMED[6]), piece(12, "done", INK)]
        );
        let bold = Piece {
            is_bold: true,
            ..piece(2, "bold", INK)
        };
        let blocks = Piece {
            is_blocks: true,
            ..piece(7, "█▌", INK)
        };
        assert_eq!(rows[1].pieces, [bold, blocks, piece(9, "··", INK)]);
        assert_eq!(rows[2], Row::default());
        assert!(rows.iter().all(|row| row.grounds.is_empty()));
    }

    #[test]
    fn a_chosen_line_is_dark_on_light_over_its_blanks_too() {
        let rows = read("\x1b[7m a  b \x1b[0m", 10, 1);
        let whole = Ground {
            column: 0,
            cells: 6,
            colour: INK,
        };
        assert_eq!(rows[0].grounds, [whole]);
        assert_eq!(
            rows[0].pieces,
            [piece(1, "a", GROUND), piece(4, "b", GROUND)]
        );
    }

    #[test]
    fn wide_letters_take_two_cells_and_what_follows_keeps_its_place() {
        let rows = read("夏日 x", 10, 1);
        let wide = Piece {
            cells: 6,
            ..piece(0, "夏日 x", INK)
        };
        assert_eq!(rows[0].pieces, [wide]);
    }

    #[test]
    fn faint_is_between_ink_and_ground_and_numbered_colours_are_those_of_all_terminals() {
        let rows = read("\x1b[2mx\x1b[0m\x1b[38;5;196my\x1b[38;5;244mz", 10, 1);
        let colours: Vec<Rgb> = rows[0].pieces.iter().map(|piece| piece.colour).collect();
        assert_eq!(
            colours,
            [[0x82, 0x89, 0x8f], [255, 0, 0], [0x80, 0x80, 0x80]]
        );
    }
}
