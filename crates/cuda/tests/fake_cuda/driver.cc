// libcuda.so.1, as far as a queue needs it: memory of the host, kernels in the emulator, captured work as lists.
//
// What it takes for PTX and for machine code is the kernel's own source, which the fake run-time compiler hands through.
// Threads may call it side by side; kernels run one after the other. Tests in the same process choose failures by the
// functions `fake_...`; for a process of its own they stand in its environment:
//
// FAKE_CUDA_DEVICES=COUNT:MAJOR:MINOR    how many devices, and their compute capability
// FAKE_CUDA_FAULTS=CALL:AFTER:CODE,...   as `fake_fail`, and so from then on; the call `kernel` is a kernel that breaks while
//                                        it runs, also as part of captured work: the device is lost, which the next calls tell
// FAKE_CUDA_IDLE=ENTRY                   a kernel that does nothing
#include "fake.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <mutex>
#include <regex>
#include <set>
#include <sstream>
#include <string>

static const int INVALID = 1, OUT_OF_MEMORY = 2, NOT_FOUND = 500, UNSUPPORTED = 900, INVALIDATED = 901;

struct Failure { int after, code; bool stays; };
static std::map<std::string, Failure> failures;  // by call
static std::map<std::string, int> counts;
static std::map<u64, size_t> allocated;
static std::set<Stream *> streams;
static std::recursive_mutex state;   // all of the above, and whether a stream is captured
static std::recursive_mutex kernels; // the emulator has one processor
typedef std::lock_guard<std::recursive_mutex> Lock;
#define LOCK Lock lock(state)
static int capability[2] = {9, 0};
static int devices = 1;
static int lost = 0;

extern "C" {

// ---- for the tests ----

// The call numbered `after` from now, counted from 0, answers `code`; all of them do if `after` is negative.
void fake_fail(const char *call, int after, int code) { LOCK; failures[call] = {after, code, after < 0}; }
int fake_counted(const char *what) { LOCK; return counts[what]; }
size_t fake_allocations() { LOCK; return allocated.size(); }
void fake_device(int number, int major, int minor) { devices = number, capability[0] = major, capability[1] = minor; }

static bool from_environment() {
    if (const char *given = getenv("FAKE_CUDA_DEVICES")) sscanf(given, "%d:%d:%d", &devices, &capability[0], &capability[1]);
    std::stringstream faults(getenv("FAKE_CUDA_FAULTS") ? getenv("FAKE_CUDA_FAULTS") : "");
    for (std::string fault; std::getline(faults, fault, ',');) {
        char call[64];
        int after, code;
        if (sscanf(fault.c_str(), "%63[^:]:%d:%d", call, &after, &code) == 3) failures[call] = {after, code, true};
    }
    return true;
}
static const bool environment_read = from_environment();

// ---- for the libraries ----

void fake_count(const char *what) { LOCK; counts[what]++; }

int fake_wait_for_all() {
    LOCK;
    if (lost) return lost;
    int captures = 0;
    for (Stream *stream : streams)
        if (stream->capturing) stream->broken = true, captures++;
    return captures ? UNSUPPORTED : 0;
}

int fake_lost() { LOCK; return lost; }

int fake_failure(const char *call) {
    LOCK;
    if (lost) return lost;
    auto found = failures.find(call);
    if (found == failures.end()) return 0;
    Failure &failure = found->second;
    if (failure.after > 0) return failure.after--, 0;
    int code = failure.code;
    if (!failure.stays) failures.erase(found);
    return code;
}

// The stream of a handle: 2 stands for the calling thread's own.
static Stream *of_handle(Stream *stream) {
    static thread_local Stream own;
    return stream == (Stream *)2 ? &own : stream;
}

int fake_enqueue(Stream *stream, const std::function<int()> *work) {
    if (!stream) return INVALID;
    stream = of_handle(stream);
    {
        LOCK;
        if (stream->capturing) return stream->captured.push_back(*work), 0;
    }
    return fake_lost() ? fake_lost() : (*work)();
}

// ---- libcuda ----

#define CALL(name)                                  \
    fake_count(name);                               \
    if (int failure = fake_failure(name)) return failure

int cuInit(unsigned) { CALL("cuInit"); return 0; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGetCount(int *count) { *count = devices; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return ordinal < devices ? 0 : 101; }
int cuDeviceGetName(char *name, int size, int) { snprintf(name, size, "Fake H200"); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int) { *bytes = 1ull << 37; return 0; }
int cuDeviceGetAttribute(int *value, int which, int) {
    *value = which == 75 ? capability[0] : which == 76 ? capability[1] : which == 115 ? 1 : which == 16 ? 132 : 0;
    return 0;
}
static int context;
static __thread void *current;
int cuDevicePrimaryCtxRetain(void **out, int) { *out = &context; return 0; }
int cuDevicePrimaryCtxRelease_v2(int) { return 0; }
int cuCtxSetCurrent(void *context) { current = context; return 0; }
int cuCtxGetCurrent(void **out) { *out = current; return 0; }
int cuCtxSynchronize() { CALL("cuCtxSynchronize"); return fake_wait_for_all(); }
int cuDeviceGetDefaultMemPool(void **pool, int) { *pool = &context; return 0; }
int cuMemPoolSetAttribute(void *, int attribute, void *value) {
    // The release threshold.
    if (attribute != 4) return INVALID;
    fake_count(*(u64 *)value == ~0ull ? "pool keeps all" : "pool keeps some");
    return 0;
}
int cuMemGetInfo_v2(size_t *free, size_t *total) { *free = 1000, *total = 2000; return 0; }
int cuEventCreate(void **event, unsigned) { fake_count("cuEventCreate"); *event = malloc(1); return 0; }
int cuEventDestroy_v2(void *event) { if (fake_lost()) return fake_lost(); free(event); return 0; }
int cuStreamWaitEvent(void *, void *, unsigned) { return 0; }
int cuEventRecord(void *, void *) { return 0; }

int cuStreamCreate(Stream **stream, unsigned flags) {
    LOCK;
    streams.insert(*stream = new Stream);
    return flags == 1 ? 0 : INVALID;
}
int cuStreamDestroy_v2(Stream *stream) { LOCK; streams.erase(stream); delete stream; return lost; }
// Whether a call that a capture forbids was made on a stream that is captured: it breaks the capture.
static bool forbidden(Stream *stream) {
    LOCK;
    stream = of_handle(stream);
    return stream->capturing && (stream->broken = true);
}
int cuStreamSynchronize(Stream *stream) {
    CALL("cuStreamSynchronize");
    return forbidden(stream) ? UNSUPPORTED : 0;
}

int cuMemAllocAsync(u64 *address, size_t bytes, Stream *stream) {
    CALL("cuMemAllocAsync");
    if (forbidden(stream)) return UNSUPPORTED;
    void *memory = aligned_alloc(256, (bytes + 511) / 256 * 256);
    if (!memory) return OUT_OF_MEMORY;
    memset(memory, 0xFF, bytes);  // NaN, so that what is not written shows
    LOCK;
    allocated[*address = (u64)memory] = bytes;
    return 0;
}
int cuMemFreeAsync(u64 address, Stream *stream) {
    if (fake_lost()) return fake_lost();
    if (forbidden(stream)) return UNSUPPORTED;
    LOCK;
    if (!current || !allocated.erase(address)) return INVALID;
    free((void *)address);
    return 0;
}

// Whether bytes lie in one allocation that is alive.
static bool alive(u64 address, size_t bytes) {
    LOCK;
    auto after = allocated.upper_bound(address);
    if (after == allocated.begin()) return false;
    auto found = --after;
    return address + bytes <= found->first + found->second;
}

int cuMemsetD8Async(u64 address, unsigned char value, size_t bytes, Stream *stream) {
    return enqueue(stream, [=] { return alive(address, bytes) ? (memset((void *)address, value, bytes), 0) : 700; });
}
int cuMemcpyHtoDAsync_v2(u64 to, const void *from, size_t bytes, Stream *stream) {
    CALL("cuMemcpyHtoDAsync");
    if (forbidden(stream)) return UNSUPPORTED;
    return alive(to, bytes) ? (memcpy((void *)to, from, bytes), 0) : 700;
}
int cuMemcpyDtoHAsync_v2(void *to, u64 from, size_t bytes, Stream *stream) {
    CALL("cuMemcpyDtoHAsync");
    if (forbidden(stream)) return UNSUPPORTED;
    return alive(from, bytes) ? (memcpy(to, (void *)from, bytes), 0) : 700;
}

int cuMemcpyDtoDAsync_v2(u64 to, u64 from, size_t bytes, Stream *stream) {
    return enqueue(stream, [=] {
        if (!alive(to, bytes) || !alive(from, bytes)) return 700;
        return memmove((void *)to, (void *)from, bytes), 0;
    });
}

// The folder that this library lies in.
static std::string own_folder() {
    Dl_info info;
    dladdr((void *)fake_fail, &info);
    std::string path(info.dli_fname);
    return path.substr(0, path.find_last_of('/'));
}

// The library that the emulator's header and the host's compiler make of a source: text up to a zero byte for PTX, or,
// for machine code, as many bytes as stand before it. What a real compiler wrote, as candle's kernels are, is refused: it is
// for a device that is not here.
int cuModuleLoadData(void **module, const char *image) {
    CALL("cuModuleLoadData");
    if (int code = fake_wait_for_all()) return code;
    const int INVALID_PTX = 218;
    int head = 0;
    size_t bytes = 0;
    bool code = sscanf(image, "machine code %zu\n%n", &bytes, &head) == 1;
    if (!code && strstr(image, "\n.target sm_")) return INVALID_PTX;
    std::string source = code ? std::string(image + head, bytes) : std::string(image);
    fake_count(code ? "machine code loaded" : "PTX loaded");
    Lock lock(kernels);
    std::ifstream file(own_folder() + "/emulator.h");
    std::stringstream text;
    text << file.rdbuf() << source << "\n#define ENTRY(name) EMULATE(name) \\\n"
         << "extern \"C\" __attribute__((visibility(\"default\"))) unsigned arity_##name() "
         << "{ return emulator::arity(name); }\n";
    std::regex entry("extern \"C\" __global__ void (?:__[a-z_]+__\\([^)]*\\)\\s+)*([A-Za-z0-9_]+)\\(");
    for (std::sregex_iterator at(source.begin(), source.end(), entry), end; at != end; ++at)
        text << "ENTRY(" << (*at)[1] << ")\n";
    std::string stem = own_folder() + "/" + std::to_string(std::hash<std::string>()(text.str()));
    std::string own = stem + "-" + std::to_string(getpid());
    if (access((stem + ".so").c_str(), R_OK)) {
        std::ofstream(own + ".cc") << text.str();
        const char *compiler = getenv("CXX");
        std::string command = std::string(compiler ? compiler : "c++") +
                              " -std=c++17 -O2 -fPIC -shared -fno-strict-aliasing -ffp-contract=off "
                              "-fvisibility=hidden -U_FORTIFY_SOURCE '" + own + ".cc' -o '" + own + ".so'";
        if (system(command.c_str())) return INVALID_PTX;
        rename((own + ".so").c_str(), (stem + ".so").c_str());
        remove((own + ".cc").c_str());
    }
    *module = dlopen((stem + ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
    return *module ? 0 : INVALID_PTX;
}
int cuModuleUnload(void *) { return fake_wait_for_all(); }

struct Function {
    int (*run)(const unsigned *, unsigned, const u64 *, unsigned, unsigned);
    unsigned arity;
};
static int idle(const unsigned *, unsigned, const u64 *, unsigned, unsigned) { return 0; }
int cuModuleGetFunction(Function **function, void *module, const char *name) {
    void *run = dlsym(module, (std::string("emulate_") + name).c_str());
    void *arity = dlsym(module, (std::string("arity_") + name).c_str());
    if (!run || !arity) return NOT_FOUND;
    const char *wrong = getenv("FAKE_CUDA_IDLE");
    if (wrong && !strcmp(wrong, name)) run = (void *)idle;
    *function = new Function{(decltype(Function::run))run, ((unsigned (*)())arity)()};
    return 0;
}
int cuLaunchKernel(Function *function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned ty, unsigned tz,
                   unsigned shared, Stream *stream, void **parameters, void **) {
    CALL("cuLaunchKernel");
    if (ty != 1 || tz != 1 || shared || !x || !y || !z) return INVALID;
    std::vector<u64> words;
    for (unsigned i = 0; i < function->arity; i++) words.push_back(*(u64 *)parameters[i]);
    Function f = *function;
    return enqueue(stream, [=] {
        Lock lock(kernels);
        if (int code = fake_failure("kernel")) return lost = code, 0;
        unsigned grid[3] = {x, y, z};
        return f.run(grid, threads, words.data(), words.size(), 0) ? 719 : 0;
    });
}

int cuStreamBeginCapture_v2(Stream *stream, int mode) {
    CALL("cuStreamBeginCapture");
    LOCK;
    // Of one thread alone, not of all.
    if (stream->capturing || mode != 1) return INVALID;
    stream->capturing = true;
    return 0;
}
typedef std::vector<std::function<int()>> Graph;
int cuStreamEndCapture(Stream *stream, Graph **graph) {
    LOCK;
    bool broken = stream->broken;
    stream->capturing = stream->broken = false;
    *graph = broken ? nullptr : new Graph(stream->captured);
    stream->captured.clear();
    return broken ? INVALIDATED : 0;
}
int cuGraphInstantiateWithFlags(Graph **executable, Graph *graph, u64) { *executable = new Graph(*graph); return 0; }
int cuGraphUpload(Graph *, Stream *) { if (fake_lost()) return fake_lost(); return 0; }
int cuGraphLaunch(Graph *graph, Stream *stream) {
    CALL("cuGraphLaunch");
    if (forbidden(stream)) return UNSUPPORTED;
    for (auto &work : *graph)
        if (int code = fake_lost() ? 0 : work()) return code;
    return 0;
}
int cuGraphExecDestroy(Graph *graph) { delete graph; return fake_lost(); }
int cuGraphDestroy(Graph *graph) { delete graph; return fake_lost(); }

}  // extern "C"
