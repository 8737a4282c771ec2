"""The operations of `custom.augmentation.ops`, by name: `{name: rotate, params: {max_deg: 15}}`."""

from typing import Literal

from pydantic import Field

from sightwright.config.section import Section
from sightwright.config.sections.augmentation_params import (
    AutoContrastParams,
    ClaheParams,
    ColorJitterParams,
    EqualizeParams,
    ExpandToFitAffineParams,
    GammaParams,
    HflipParams,
    HsvParams,
    PadToMultipleParams,
    PerspectiveParams,
    PosterizeParams,
    RandomCropParams,
    ResizeByScaleParams,
    RoiCropParams,
    RotateParams,
    ScaleParams,
    ScanBlurParams,
    ScanJpegParams,
    ScanNoiseParams,
    ScanShadowParams,
    ScanSkewParams,
    ScanStampParams,
    SharpnessParams,
    SmallObjectZoomPasteParams,
    SolarizeParams,
    VflipParams,
)

_NAME = "the operation"
_PARAMS = "its settings"


class Hflip(Section):
    name: Literal["hflip"] = Field(description=_NAME)
    params: HflipParams = Field(default_factory=HflipParams, description=_PARAMS)


class Vflip(Section):
    name: Literal["vflip"] = Field(description=_NAME)
    params: VflipParams = Field(default_factory=VflipParams, description=_PARAMS)


class Rotate(Section):
    name: Literal["rotate"] = Field(description=_NAME)
    params: RotateParams = Field(default_factory=RotateParams, description=_PARAMS)


class Scale(Section):
    name: Literal["scale"] = Field(description=_NAME)
    params: ScaleParams = Field(default_factory=ScaleParams, description=_PARAMS)


class Perspective(Section):
    name: Literal["perspective"] = Field(description=_NAME)
    params: PerspectiveParams = Field(default_factory=PerspectiveParams, description=_PARAMS)


class ScanSkew(Section):
    name: Literal["scan_skew"] = Field(description=_NAME)
    params: ScanSkewParams = Field(default_factory=ScanSkewParams, description=_PARAMS)


class RandomCrop(Section):
    name: Literal["random_crop"] = Field(description=_NAME)
    params: RandomCropParams = Field(default_factory=RandomCropParams, description=_PARAMS)


class RoiCrop(Section):
    name: Literal["roi_crop"] = Field(description=_NAME)
    params: RoiCropParams = Field(default_factory=RoiCropParams, description=_PARAMS)


class ResizeByScale(Section):
    name: Literal["resize_by_scale"] = Field(description=_NAME)
    params: ResizeByScaleParams = Field(default_factory=ResizeByScaleParams, description=_PARAMS)


class ExpandToFitAffine(Section):
    name: Literal["expand_to_fit_affine"] = Field(description=_NAME)
    params: ExpandToFitAffineParams = Field(
        default_factory=ExpandToFitAffineParams, description=_PARAMS
    )


class PadToMultiple(Section):
    name: Literal["pad_to_multiple"] = Field(description=_NAME)
    params: PadToMultipleParams = Field(default_factory=PadToMultipleParams, description=_PARAMS)


class SmallObjectZoomPaste(Section):
    name: Literal["small_object_zoom_paste"] = Field(description=_NAME)
    params: SmallObjectZoomPasteParams = Field(
        default_factory=SmallObjectZoomPasteParams, description=_PARAMS
    )


class ColorJitter(Section):
    name: Literal["color_jitter"] = Field(description=_NAME)
    params: ColorJitterParams = Field(default_factory=ColorJitterParams, description=_PARAMS)


class Gamma(Section):
    name: Literal["gamma"] = Field(description=_NAME)
    params: GammaParams = Field(default_factory=GammaParams, description=_PARAMS)


class Hsv(Section):
    name: Literal["hsv"] = Field(description=_NAME)
    params: HsvParams = Field(default_factory=HsvParams, description=_PARAMS)


class Clahe(Section):
    name: Literal["clahe"] = Field(description=_NAME)
    params: ClaheParams = Field(default_factory=ClaheParams, description=_PARAMS)


class AutoContrast(Section):
    name: Literal["auto_contrast"] = Field(description=_NAME)
    params: AutoContrastParams = Field(default_factory=AutoContrastParams, description=_PARAMS)


class Equalize(Section):
    name: Literal["equalize"] = Field(description=_NAME)
    params: EqualizeParams = Field(default_factory=EqualizeParams, description=_PARAMS)


class Solarize(Section):
    name: Literal["solarize"] = Field(description=_NAME)
    params: SolarizeParams = Field(default_factory=SolarizeParams, description=_PARAMS)


class Posterize(Section):
    name: Literal["posterize"] = Field(description=_NAME)
    params: PosterizeParams = Field(default_factory=PosterizeParams, description=_PARAMS)


class Sharpness(Section):
    name: Literal["sharpness"] = Field(description=_NAME)
    params: SharpnessParams = Field(default_factory=SharpnessParams, description=_PARAMS)


class ScanBlur(Section):
    name: Literal["scan_blur"] = Field(description=_NAME)
    params: ScanBlurParams = Field(default_factory=ScanBlurParams, description=_PARAMS)


class ScanJpeg(Section):
    name: Literal["scan_jpeg"] = Field(description=_NAME)
    params: ScanJpegParams = Field(default_factory=ScanJpegParams, description=_PARAMS)


class ScanNoise(Section):
    name: Literal["scan_noise"] = Field(description=_NAME)
    params: ScanNoiseParams = Field(default_factory=ScanNoiseParams, description=_PARAMS)


class ScanShadow(Section):
    name: Literal["scan_shadow"] = Field(description=_NAME)
    params: ScanShadowParams = Field(default_factory=ScanShadowParams, description=_PARAMS)


class ScanStamp(Section):
    name: Literal["scan_stamp"] = Field(description=_NAME)
    params: ScanStampParams = Field(default_factory=ScanStampParams, description=_PARAMS)


AffineStep = Hflip | Vflip | Rotate | Scale | Perspective | ScanSkew
CropStep = RandomCrop | RoiCrop
BarrierStep = CropStep | ResizeByScale | ExpandToFitAffine | PadToMultiple
ColourStep = (
    ColorJitter | Gamma | Hsv | Clahe | AutoContrast | Equalize | Solarize | Posterize | Sharpness
)
ScanStep = ScanBlur | ScanJpeg | ScanNoise | ScanShadow | ScanStamp
Step = AffineStep | BarrierStep | SmallObjectZoomPaste | ColourStep | ScanStep
