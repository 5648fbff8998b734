// replay CORPUS [MUTATIONS]: a fuzzer without libFuzzer, for every run of the tests under the sanitizers.
// Each file of the corpus as it is, then MUTATIONS (2000) changed ones in a fixed order, so that a failure
// comes again. The long, guided search is scripts/fuzz.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Input = std::vector<uint8_t>;

constexpr size_t kInputMax = 65536;  // as scripts/fuzz gives -max_len

std::vector<Input> read_corpus(const char* folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& file : std::filesystem::directory_iterator(folder))
        if (file.is_regular_file()) files.push_back(file.path());
    std::ranges::sort(files);  // the order of a directory differs from machine to machine
    std::vector<Input> corpus;
    for (const auto& path : files) {
        std::ifstream stream(path, std::ios::binary);
        corpus.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    }
    return corpus;
}

class Mutator {
  public:
    explicit Mutator(const std::vector<Input>& corpus) : corpus_(corpus) {}

    Input next() {
        Input input = corpus_[below(corpus_.size())];
        for (size_t changes = 1 + below(4); changes > 0; --changes) change(input);
        if (input.size() > kInputMax) input.resize(kInputMax);
        return input;
    }

  private:
    size_t below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }
    void change(Input& input) {
        const size_t at = below(input.size());
        const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
        switch (below(6)) {
            case 0:
                if (!input.empty()) *place ^= static_cast<uint8_t>(1u << below(8));
                break;
            case 1:
                if (!input.empty()) *place = static_cast<uint8_t>(below(256));
                break;
            case 2:
                input.insert(place, static_cast<uint8_t>(below(256)));
                break;
            case 3:
                input.resize(at);
                break;
            case 4:
                input.erase(place, place + static_cast<std::ptrdiff_t>(
                                               below(std::min<size_t>(16, input.size() - at))));
                break;
            default: {  // a piece of another one
                const Input& other = corpus_[below(corpus_.size())];
                const size_t from = below(other.size()),
                             length = below(std::min<size_t>(64, other.size() - from + 1));
                const auto begin = other.begin() + static_cast<std::ptrdiff_t>(from);
                input.insert(place, begin, begin + static_cast<std::ptrdiff_t>(length));
            }
        }
    }

    const std::vector<Input>& corpus_;
    std::minstd_rand random_{20061};
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s CORPUS [MUTATIONS]\n", argv[0]);
        return 2;
    }
    const std::vector<Input> corpus = read_corpus(argv[1]);
    if (corpus.empty()) {
        std::fprintf(stderr, "%s holds no file\n", argv[1]);
        return 1;
    }
    for (const Input& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());
    const long mutations = argc > 2 ? std::atol(argv[2]) : 2000;
    Mutator mutator(corpus);
    for (long i = 0; i < mutations; ++i) {
        const Input input = mutator.next();
        LLVMFuzzerTestOneInput(input.data(), input.size());
    }
    std::printf("%zu files, %ld mutations\n", corpus.size(), mutations);
    return 0;
}
