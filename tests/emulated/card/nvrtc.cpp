// NVRTC: programs that kernels.py compiles with the host's compiler.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>

#include "launches.h"

#include <cuda.h>

using namespace card;

namespace {

enum Result { kDone = 0, kInvalidProgram = 4, kCompilation = 6, kNameNotValid = 8, kInternal = 11 };

struct Program {
  std::string source, log, image;
  std::vector<std::string> expressions;
  std::map<std::string, std::string> names;
};

// What is passed to kernels.py: fields that begin with a letter and end with a zero byte.
std::string job(const Program& program, int count, const char* const* options) {
  std::string out = "s" + program.source + '\0';
  for (int i = 0; i < count; ++i) out += std::string("o") + options[i] + '\0';
  for (const std::string& one : program.expressions) out += "n" + one + '\0';
  return out;
}

// The command's output; `status` is 0 where it ended well.
std::string output_of(const std::string& command, int& status) {
  std::string out;
  char part[4096];
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) {
    status = -1;
    return "the compiler could not be started";
  }
  while (const std::size_t read = std::fread(part, 1, sizeof part, pipe)) out.append(part, read);
  status = pclose(pipe);
  return out;
}

// The folder of the built card, in whose lib/ this library lies.
std::string home() {
  Dl_info found;
  if (!dladdr(reinterpret_cast<void*>(&home), &found)) return "";
  const std::string path = found.dli_fname;
  return path.substr(0, path.rfind("/lib/"));
}

void put(const std::string& from, char* to) { std::memcpy(to, from.c_str(), from.size() + 1); }

}  // namespace

CARD_ENTRY const char* nvrtcGetErrorString(int code) {
  return code == kCompilation ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR_INTERNAL_ERROR";
}
CARD_ENTRY int nvrtcVersion(int* major, int* minor) {
  *major = CUDA_VERSION / 1000;
  *minor = CUDA_VERSION % 1000 / 10;
  return kDone;
}
CARD_ENTRY int nvrtcGetNumSupportedArchs(int* out) {
  *out = 3;
  return kDone;
}
CARD_ENTRY int nvrtcGetSupportedArchs(int* out) {
  const int all[] = {75, 80, 90};
  std::memcpy(out, all, sizeof all);
  return kDone;
}
CARD_ENTRY int nvrtcCreateProgram(Program** out, const char* source, const char*, int headers,
                                  const char* const*, const char* const*) {
  if (headers) return kInvalidProgram;
  *out = new Program;
  (*out)->source = source;
  return kDone;
}
CARD_ENTRY int nvrtcDestroyProgram(Program** program) {
  delete *program;
  *program = nullptr;
  return kDone;
}
CARD_ENTRY int nvrtcAddNameExpression(Program* program, const char* expression) {
  program->expressions.push_back(expression);
  return kDone;
}
CARD_ENTRY int nvrtcCompileProgram(Program* program, int count, const char* const* options) {
  const std::string place = home();
  std::string file = place + "/jobs/XXXXXX";
  const int open = mkstemp(&file[0]);
  if (open < 0) return kInternal;
  const std::string given = job(*program, count, options);
  const bool written = write(open, given.data(), given.size()) == ssize_t(given.size());
  close(open);
  int status = -1;
  const std::string told = output_of("'" + place + "/compile' '" + file + "'", status);
  unlink(file.c_str());
  if (!written) return kInternal;
  if (status) {
    program->log = told;
    return kCompilation;
  }
  // The library's path, then a line with each expression and its name, a tab between them.
  std::stringstream lines(told);
  std::string line;
  std::getline(lines, line);
  program->image = kImage + line + "\n";
  while (std::getline(lines, line)) {
    const std::size_t tab = line.find('\t');
    program->names[line.substr(0, tab)] = line.substr(tab + 1);
  }
  return kDone;
}
CARD_ENTRY int nvrtcGetLoweredName(Program* program, const char* expression, const char** out) {
  const auto found = program->names.find(expression);
  if (found == program->names.end()) return kNameNotValid;
  *out = found->second.c_str();
  return kDone;
}
CARD_ENTRY int nvrtcGetProgramLogSize(Program* program, std::size_t* out) {
  *out = program->log.size() + 1;
  return kDone;
}
CARD_ENTRY int nvrtcGetProgramLog(Program* program, char* out) {
  put(program->log, out);
  return kDone;
}

// The three kinds of binaries are one here.
CARD_ENTRY int nvrtcGetPTXSize(Program* program, std::size_t* out) {
  *out = program->image.size() + 1;
  return kDone;
}
CARD_ENTRY int nvrtcGetPTX(Program* program, char* out) {
  put(program->image, out);
  return kDone;
}
CARD_ENTRY int nvrtcGetCUBINSize(Program* program, std::size_t* out) {
  return nvrtcGetPTXSize(program, out);
}
CARD_ENTRY int nvrtcGetCUBIN(Program* program, char* out) { return nvrtcGetPTX(program, out); }
