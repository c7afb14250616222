"""The public API: what `import entoptic` gives. `make api` writes the registered names.

Every other public name is written here, by hand, and nowhere else."""

from .analysis.captum import (
    CaptumModule as CaptumModule,
    captum_module as captum_module,
)
from .analysis.classify import (
    Guess as Guess,
    identify as identify,
)
from .analysis.record import (
    Record as Record,
    read_record as read_record,
)
from .analysis.saliency import (
    gradient_picture as gradient_picture,
)
from .analysis.spectrum import (
    Spectrum as Spectrum,
    read_spectrum as read_spectrum,
    spectrum as spectrum,
)
from .ascent.gradients import (
    gradient as gradient,
    jacobian as jacobian,
)
from .ascent.loop import (
    Step as Step,
    ascend as ascend,
)
from .ascent.optimizers import (
    adam as adam,
    climb as climb,
    nadam as nadam,
    optimizer as optimizer,
)
from .ascent.shaping import (
    LocalShaping as LocalShaping,
    Shaping as Shaping,
    shaping as shaping,
)
from .ascent.tiling import (
    tiled_gradient as tiled_gradient,
)
from .canvas import (
    CPPN as CPPN,
    Canvas as Canvas,
    Fourier as Fourier,
    Gray as Gray,
    Laplacian as Laplacian,
    MaCo as MaCo,
    Masked as Masked,
    Natural as Natural,
    Pixels as Pixels,
    Shared as Shared,
    Transparent as Transparent,
    Weighed as Weighed,
    spectrum_of as spectrum_of,
)
from .catalogs.catalog import (
    Catalog as Catalog,
    open_catalog as open_catalog,
)
from .catalogs.making import (
    catalog as catalog,
    verify_catalog as verify_catalog,
)
from .catalogs.site.making import (
    catalog_site as catalog_site,
)
from .errors import (
    EntopticError as EntopticError,
)
from .images import (
    Picture as Picture,
    read as read,
    write as write,
)
from .images.contact_sheet import (
    sheet as sheet,
)
from .images.resize import (
    center_crop as center_crop,
    fit_short_side as fit_short_side,
    resize as resize,
)
from .jobs.evaluation import (
    Evaluation as Evaluation,
)
from .jobs.exemplars import (
    FoundExemplars as FoundExemplars,
)
from .jobs.film_making import (
    FilmMade as FilmMade,
)
from .jobs.job import (
    Job as Job,
    Result as Result,
)
from .layers import (
    Layer as Layer,
    LayerInfo as LayerInfo,
)
from .networks import (
    GradientRule as GradientRule,
    Model as Model,
    Preprocess as Preprocess,
    ensemble as ensemble,
    load as load,
)
from .networks.gradient_rules import (
    guided as guided,
    normalized_layers as normalized_layers,
    redirected_relu as redirected_relu,
    smooth_max_pool as smooth_max_pool,
)
from .objectives import (
    Objective as Objective,
    alignment as alignment,
    alpha_blurriness as alpha_blurriness,
    angled_direction as angled_direction,
    angled_neuron_direction as angled_neuron_direction,
    blurriness as blurriness,
    boundary_complexity as boundary_complexity,
    caricature as caricature,
    cell as cell,
    channel as channel,
    channel_interpolate as channel_interpolate,
    channel_weights as channel_weights,
    channels as channels,
    code as code,
    cosine as cosine,
    direction as direction,
    diversity as diversity,
    energy as energy,
    input_diff as input_diff,
    inversion as inversion,
    l1 as l1,
    l2 as l2,
    linf as linf,
    log_odds as log_odds,
    logit as logit,
    logits as logits,
    match as match,
    mean as mean,
    neuron as neuron,
    neuron_direction as neuron_direction,
    neuron_weights as neuron_weights,
    objective as objective,
    opacity as opacity,
    parse as parse,
    per_image as per_image,
    positive as positive,
    style as style,
    tensor_direction as tensor_direction,
    total as total,
    total_variation as total_variation,
)
from .recipes.accentuate import (
    Accentuate as Accentuate,
)
from .recipes.caricature import (
    Caricature as Caricature,
)
from .recipes.compare import (
    Compare as Compare,
)
from .recipes.diversity import (
    Diversity as Diversity,
)
from .recipes.dream import (
    Dream as Dream,
)
from .recipes.evaluate import (
    Evaluate as Evaluate,
)
from .recipes.exemplars import (
    Exemplars as Exemplars,
)
from .recipes.film import (
    Film as Film,
)
from .recipes.filters import (
    Filters as Filters,
)
from .recipes.functions import (
    accentuate as accentuate,
    caricature_of as caricature_of,
    compare as compare,
    diversity_of as diversity_of,
    dream as dream,
    dream_photos as dream_photos,
    evaluate as evaluate,
    exemplars as exemplars,
    film as film,
    filters as filters,
    grid as grid,
    groups as groups,
    grow as grow,
    interpolate as interpolate,
    invert as invert,
    looks as looks,
    maps as maps,
    sweep as sweep,
    visualize as visualize,
    zoom as zoom,
)
from .recipes.grid import (
    Grid as Grid,
)
from .recipes.groups import (
    Groups as Groups,
)
from .recipes.grow import (
    Grow as Grow,
)
from .recipes.interpolate import (
    Interpolate as Interpolate,
)
from .recipes.invert import (
    Invert as Invert,
)
from .recipes.looks import (
    Looks as Looks,
)
from .recipes.maps import (
    Maps as Maps,
)
from .recipes.sweep import (
    Sweep as Sweep,
)
from .recipes.visualize import (
    Visualize as Visualize,
)
from .recipes.zoom import (
    Zoom as Zoom,
)
from .runners.jobs import (
    run as run,
)
from .runners.local import (
    Local as Local,
)
from .runners.ray import (
    Ray as Ray,
)
from .runners.recording import (
    record as record,
)
from .runners.run import (
    redo as redo,
)
from .transforms import (
    ACCENTUATE as ACCENTUATE,
    GENTLE as GENTLE,
    LUCID as LUCID,
    MACO as MACO,
    NONE as NONE,
    ROBUST as ROBUST,
    STRONG as STRONG,
    WIDE as WIDE,
    Affine as Affine,
    Blur as Blur,
    ColorShift as ColorShift,
    Flip as Flip,
    Grayscale as Grayscale,
    Jitter as Jitter,
    LucidMoves as LucidMoves,
    Noise as Noise,
    OverBackground as OverBackground,
    Pad as Pad,
    RandomCrops as RandomCrops,
    Roll as Roll,
    Rotate as Rotate,
    Scale as Scale,
    Shear as Shear,
    Transform as Transform,
    Translate as Translate,
    transform as transform,
    with_crop_size as with_crop_size,
)
