"""Makes test/golden/pictureFormats: small pictures of the formats and variants that more than sharp is needed for, and in
expected.json their pixels as Pillow reads them: `ImageOps.exif_transpose(picture).convert("RGB")`.

    pip install pillow pillow-heif
    python scripts/goldenPictures.py [--out test/golden]

Pillow has no HEIC: that file is four fields of one colour, which any decoder gives to within a step or two.
The files in the repository came from Pillow 13.0.0 and pillow-heif 1.8.1.
"""

import argparse
import base64
import json
import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

GOLDEN = Path(__file__).resolve().parent.parent / "test" / "golden"

Y, X = np.mgrid[0:13, 0:18]
RGB = np.stack([X * 14 % 256, Y * 19 % 256, (X * 7 + Y * 11) * 5 % 256], -1).astype(np.uint8)
H, W = RGB.shape[:2]
IMAGE = Image.fromarray(RGB)
ALPHA = (X * Y).astype(np.uint8)
TRANSLUCENT = Image.fromarray(np.dstack([RGB, ALPHA]))
GREY = IMAGE.convert("L")
PALETTE = IMAGE.quantize(16)


def bmp(rows, depth, compression=0, palette=b"", masks=b"", height=H):
    """A BMP of kinds that Pillow reads and does not write; rows from the bottom, each of whole four bytes."""
    data = b"".join(row + bytes(-len(row) % 4) for row in rows) if compression != 1 else b"".join(rows)
    header = struct.pack("<IiiHHIIiiII", 40, W, height, 1, depth, compression, len(data), 0, 0, len(palette) // 4, 0)
    offset = 14 + len(header) + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + header + masks + palette + data


def bmps(save):
    save(IMAGE, "rgb.bmp")
    save(IMAGE.convert("1"), "bilevel.bmp")
    save(PALETTE, "palette.bmp")
    write = lambda name, data: save(data, name)
    bits = lambda r, g, b: [row[:, 0] >> 8 - r << g + b | row[:, 1] >> 8 - g << b | row[:, 2] >> 8 - b for row in WIDE[::-1]]
    WIDE = RGB.astype(np.uint16)
    write("rgb555.bmp", bmp([row.astype("<u2").tobytes() for row in bits(5, 5, 5)], 16))
    masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    write("rgb565.bmp", bmp([row.astype("<u2").tobytes() for row in bits(5, 6, 5)], 16, 3, masks=masks))
    write("topDown.bmp", bmp([row.tobytes() for row in RGB[..., ::-1]], 24, height=-H))
    write("bgrx.bmp", bmp([row.tobytes() for row in np.dstack([RGB[..., ::-1], ALPHA])[::-1]], 32))
    colours = b"".join(bytes(PALETTE.getpalette()[i * 3 : i * 3 + 3][::-1]) + b"\0" for i in range(16))
    runs = [b"".join(bytes([1, v]) for v in row) + b"\0\0" for row in np.array(PALETTE)[::-1].tolist()]
    write("rle8.bmp", bmp([*runs, b"\0\1"], 8, 1, palette=colours))


def tga16():
    """A TGA of 15 bits a pixel, rows from the top."""
    r, g, b = (RGB[..., c].astype(np.uint16) >> 3 for c in range(3))
    header = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, W, H, 16, 0x20)
    return header + (r << 10 | g << 5 | b).astype("<u2").tobytes()


def plain_formats(save):
    save(IMAGE, "rgb.tga")
    save(TRANSLUCENT, "alpha.tga", compression="tga_rle")
    save(TRANSLUCENT.convert("LA"), "greyAlpha.tga")
    save(TRANSLUCENT.convert("LA"), "greyAlphaRuns.tga", compression="tga_rle")
    save(tga16(), "rgb555.tga")
    save(IMAGE, "rgb.ppm")
    save(GREY, "grey.pgm")
    save(IMAGE.convert("1"), "bilevel.pbm")
    save(f"P3\n# plain\n{W} {H}\n255\n{' '.join(map(str, RGB.reshape(-1)))}\n".encode(), "plain.ppm")
    save(f"P6 {W} {H} 1023\n".encode() + (RGB.astype(np.uint16) * 4).astype(">u2").tobytes(), "most1023.ppm")
    save(TRANSLUCENT.resize((32, 32)), "sizes.ico", sizes=[(16, 16), (32, 32)])
    save(TRANSLUCENT.resize((32, 32)), "bitmaps.ico", sizes=[(16, 16), (32, 32)], bitmap_format="bmp")
    save(IMAGE, "rgb.jp2")
    save(IMAGE, "lossy.j2k", irreversible=True, quality_mode="rates", quality_layers=[6])
    save(TRANSLUCENT.convert("LA"), "greyAlpha.jp2")


def special_formats(save, folder):
    save(PALETTE, "transparent.gif", transparency=3)
    animated = [PALETTE.rotate(180)]
    save(PALETTE, "transparentAnimated.gif", save_all=True, append_images=animated, transparency=5)
    gif = bytearray((folder / "transparent.gif").read_bytes())
    gif[6:10] = struct.pack("<HH", W + 5, H + 3)
    save(bytes(gif), "frameOnCanvas.gif")
    ycbcr = IMAGE.convert("YCbCr")
    for compression in ("raw", "tiff_lzw", "jpeg"):
        save(ycbcr, f"ycbcr_{compression}.tiff", compression=compression)
    for chroma in ("4:2:0", "4:2:2", "4:4:4"):
        save(IMAGE, f"chroma{chroma.replace(':', '')}.avif", subsampling=chroma, quality=90)
    save(TRANSLUCENT, "alpha.avif", quality=90)
    save(IMAGE, "limited.avif", range="limited", quality=90)
    exif = Image.Exif()
    exif[0x0112] = 6
    save(IMAGE, "orientation6.avif", exif=exif, quality=90)


def xmp(orientation, is_element=False):
    say = f'tiff:Orientation="{orientation}"' if not is_element else ""
    inner = f"<tiff:Orientation>{orientation}</tiff:Orientation>" if is_element else ""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" {say}>{inner}</rdf:Description></rdf:RDF></x:xmpmeta>'
    )


def oriented(save):
    """By XMP alone; beside EXIF that says nothing of it; and beside EXIF that says something else."""
    for orientation in range(2, 9):
        save(IMAGE, f"xmp{orientation}.jpg", xmp=xmp(orientation).encode(), quality=95)
    save(IMAGE, "xmpElement.jpg", xmp=xmp(5, True).encode(), quality=95)
    save(IMAGE, "xmp3.webp", xmp=xmp(3).encode(), lossless=True)
    save(IMAGE, "xmp8.avif", xmp=xmp(8).encode(), quality=90)
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp(7))
    save(IMAGE, "xmp7.png", pnginfo=info)
    exif = Image.Exif()
    exif[0x010E] = "a description"
    save(IMAGE, "xmpBesideExif.jpg", xmp=xmp(6).encode(), exif=exif, quality=95)
    exif[0x0112] = 3
    save(IMAGE, "exifBeforeXmp.jpg", xmp=xmp(6).encode(), exif=exif, quality=95)


def fields_heic(folder):
    from pillow_heif import from_pillow

    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:16, :24], pixels[:16, 24:], pixels[16:, :24], pixels[16:, 24:] = (200, 30, 40), (20, 180, 60), (30, 60, 210), 128
    from_pillow(Image.fromarray(pixels)).save(folder / "fields.heic", quality=90)


def main(out):
    folder = out / "pictureFormats"
    folder.mkdir(parents=True, exist_ok=True)

    def save(picture, name, **options):
        if isinstance(picture, bytes):
            (folder / name).write_bytes(picture)
        else:
            picture.save(folder / name, **options)

    bmps(save)
    plain_formats(save)
    special_formats(save, folder)
    oriented(save)
    expected = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".heic") or path.name == "lab.tiff":  # which is refused
            continue
        with Image.open(path) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
        pixels = base64.b64encode(upright.tobytes()).decode()
        expected[path.name] = {"width": upright.width, "height": upright.height, "rgb": pixels}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    fields_heic(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDEN)
    main(parser.parse_args().out)
