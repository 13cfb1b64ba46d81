// The operands of a convolution's products (conv.cu) as matrices that are never laid out: where a value of row m or
// n and column k lies. Images are NHWC, weights [cout, kh, kw, cin].

struct Sizes {
    int images, height, width, cin, out_height, out_width, cout, kernel, stride, pad_y, pad_x;
};

// Where the runs of one operand lie. `place` is what a row (m or n) fixes; `seek` goes to a k, `forth` some values of
// k further without a division, and `at` gives the run there, or null where there is padding or nothing.

// A walk over k = tap, channel.
struct Taps {
    int y, x, channel;

    __device__ void seek(int k, int channels, int kernel) {
        int tap = k / channels;
        y = tap / kernel;
        x = tap % kernel;
        channel = k % channels;
    }
    __device__ void forth(int by, int channels, int kernel) {
        for (channel += by; channel >= channels; channel -= channels) {
            if (++x == kernel) {
                x = 0;
                y++;
            }
        }
    }
};

// A walk over k = output pixel.
struct Pixels {
    int y, x, image;

    __device__ void seek(int k, int height, int width) {
        image = k / (height * width);
        y = k / width % height;
        x = k % width;
    }
    __device__ void forth(int by, int height, int width) {
        for (x += by; x >= width; x -= width) {
            if (++y == height) {
                y = 0;
                image++;
            }
        }
    }
};

// Input pixels under an output pixel, k = tap, cin.
template <typename T> struct UnderOutput {
    const T *x;
    Sizes s;
    struct Place {
        int y, x, image;
        Taps k;
    };
    static const bool along_k = true;

    __device__ Place place(int m) const {
        int pixels = s.out_height * s.out_width, image = m / pixels, at = m % pixels;
        bool inside = image < s.images;
        return {at / s.out_width * s.stride - s.pad_y, at % s.out_width * s.stride - s.pad_x, inside ? image : -1, {}};
    }
    __device__ void seek(Place &p, int k) const { p.k.seek(k, s.cin, s.kernel); }
    __device__ void forth(Place &p, int by) const { p.k.forth(by, s.cin, s.kernel); }
    __device__ const T *at(const Place &p) const {
        int y = p.y + p.k.y, column = p.x + p.k.x;
        bool inside = p.image >= 0 && p.k.y < s.kernel && y >= 0 && y < s.height && column >= 0 && column < s.width;
        return inside ? x + ((p.image * s.height + y) * s.width + column) * s.cin + p.k.channel : nullptr;
    }
};

// Weights of an output channel, k = tap, cin.
template <typename T> struct OfOutput {
    const T *w;
    Sizes s;
    struct Place { int channel, k; };
    static const bool along_k = true;

    __device__ Place place(int n) const { return {n, 0}; }
    __device__ void seek(Place &p, int k) const { p.k = k; }
    __device__ void forth(Place &p, int by) const { p.k += by; }
    __device__ const T *at(const Place &p) const {
        int depth = s.kernel * s.kernel * s.cin;
        return p.channel < s.cout && p.k < depth ? w + p.channel * depth + p.k : nullptr;
    }
};

// Output pixels over an input pixel, k = tap, cout.
template <typename T> struct OverInput {
    const T *dy;
    Sizes s;
    struct Place {
        int y, x, image;
        Taps k;
    };
    static const bool along_k = true;

    __device__ Place place(int m) const {
        int pixels = s.height * s.width, image = m / pixels, at = m % pixels;
        return {at / s.width + s.pad_y, at % s.width + s.pad_x, image < s.images ? image : -1, {}};
    }
    __device__ void seek(Place &p, int k) const { p.k.seek(k, s.cout, s.kernel); }
    __device__ void forth(Place &p, int by) const { p.k.forth(by, s.cout, s.kernel); }
    __device__ const T *at(const Place &p) const {
        int y = p.y - p.k.y, column = p.x - p.k.x;
        if (p.image < 0 || p.k.y >= s.kernel || y < 0 || column < 0) return nullptr;
        if (s.stride != 1) {
            if (y % s.stride || column % s.stride) return nullptr;
            y /= s.stride;
            column /= s.stride;
        }
        if (y >= s.out_height || column >= s.out_width) return nullptr;
        return dy + ((p.image * s.out_height + y) * s.out_width + column) * s.cout + p.k.channel;
    }
};

// Weights of input channels, k = tap, cout; a run is along the input channels n.
template <typename T> struct OfInput {
    const T *w;
    Sizes s;
    struct Place {
        int channel;
        Taps k;
    };
    static const bool along_k = false;

    __device__ Place place(int n) const { return {n, {}}; }
    __device__ void seek(Place &p, int k) const { p.k.seek(k, s.cout, s.kernel); }
    __device__ void forth(Place &p, int by) const { p.k.forth(by, s.cout, s.kernel); }
    __device__ const T *at(const Place &p) const {
        if (p.channel >= s.cin || p.k.y >= s.kernel) return nullptr;
        return w + ((p.k.channel * s.kernel + p.k.y) * s.kernel + p.k.x) * s.cin + p.channel;
    }
};

// Gradients of output channels, k = output pixel; a run is along the channels m.
template <typename T> struct OfPixel {
    const T *dy;
    Sizes s;
    struct Place { int channel, k; };
    static const bool along_k = false;

    __device__ Place place(int m) const { return {m, 0}; }
    __device__ void seek(Place &p, int k) const { p.k = k; }
    __device__ void forth(Place &p, int by) const { p.k += by; }
    __device__ const T *at(const Place &p) const {
        bool inside = p.channel < s.cout && p.k < s.images * s.out_height * s.out_width;
        return inside ? dy + p.k * s.cout + p.channel : nullptr;
    }
};

// Inputs under a tap, k = output pixel; a run is along n = tap, cin.
template <typename T> struct UnderTap {
    const T *x;
    Sizes s;
    struct Place {
        int y, x, channel;
        Pixels k;
    };
    static const bool along_k = false;

    __device__ Place place(int n) const {
        int tap = n / s.cin;
        bool inside = tap < s.kernel * s.kernel;
        return {tap / s.kernel - s.pad_y, tap % s.kernel - s.pad_x, inside ? n % s.cin : -1, {}};
    }
    __device__ void seek(Place &p, int k) const { p.k.seek(k, s.out_height, s.out_width); }
    __device__ void forth(Place &p, int by) const { p.k.forth(by, s.out_height, s.out_width); }
    __device__ const T *at(const Place &p) const {
        int y = p.k.y * s.stride + p.y, column = p.k.x * s.stride + p.x;
        bool inside = p.channel >= 0 && p.k.image < s.images && y >= 0 && y < s.height && column >= 0 && column < s.width;
        return inside ? x + ((p.k.image * s.height + y) * s.width + column) * s.cin + p.channel : nullptr;
    }
};

