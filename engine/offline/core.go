package offline

import (
	"slices"
	"strings"
)

// What follows is the core API of engine v0.21 as far as a module's signatures
// can mention it: everything that isn't listed as another kind is an object.

// coreScalars are the scalars that don't end in ID.
func coreScalars() []string { return []string{"JSON", "Platform", "Void"} }

// isCoreScalar tells whether the Dagger package's type of that name is a scalar.
func isCoreScalar(name string) bool {
	return slices.Contains(coreScalars(), name) || strings.HasSuffix(name, "ID")
}

func coreInterfaces() []string { return []string{"Exportable", "Node", "Syncer"} }

// isCoreInterface tells whether it is an interface.
func isCoreInterface(name string) bool { return slices.Contains(coreInterfaces(), name) }

func coreEnums() []string {
	return []string{
		"CacheSharingMode", "ChangesetMergeConflict", "ChangesetsMergeConflict", "DiffStatKind", "ExistsType",
		"FileType", "FunctionCachePolicy", "ImageLayerCompression", "ImageMediaTypes",
		"ModuleSourceExperimentalFeature", "ModuleSourceKind", "NetworkProtocol", "ReturnType", "TypeDefKind",
	}
}

// coreMembers are the members of the core API's enum of that name, in its order.
func coreMembers(enum string) []string {
	switch enum {
	case "CacheSharingMode":
		return []string{"SHARED", "PRIVATE", "LOCKED"}
	case "ChangesetMergeConflict":
		return []string{"FAIL_EARLY", "FAIL", "LEAVE_CONFLICT_MARKERS", "PREFER_OURS", "PREFER_THEIRS"}
	case "ChangesetsMergeConflict":
		return []string{"FAIL_EARLY", "FAIL"}
	case "DiffStatKind":
		return []string{"ADDED", "MODIFIED", "REMOVED", "RENAMED"}
	case "ExistsType":
		return []string{"REGULAR_TYPE", "DIRECTORY_TYPE", "SYMLINK_TYPE"}
	case "FileType":
		return []string{"UNKNOWN", "REGULAR", "DIRECTORY", "SYMLINK", "REGULAR_TYPE", "DIRECTORY_TYPE", "SYMLINK_TYPE"}
	case "FunctionCachePolicy":
		return []string{"Default", "PerSession", "Never"}
	case "ImageLayerCompression":
		return []string{"Gzip", "Zstd", "EStarGZ", "Uncompressed", "GZIP", "ZSTD", "ESTARGZ", "UNCOMPRESSED"}
	case "ImageMediaTypes":
		return []string{"OCIMediaTypes", "DockerMediaTypes", "OCI", "DOCKER"}
	case "ModuleSourceExperimentalFeature":
		return []string{"SELF_CALLS"}
	case "ModuleSourceKind":
		return []string{"LOCAL_SOURCE", "GIT_SOURCE", "DIR_SOURCE", "LOCAL", "GIT", "DIR"}
	case "NetworkProtocol":
		return []string{"TCP", "UDP"}
	case "ReturnType":
		return []string{"SUCCESS", "FAILURE", "ANY"}
	case "TypeDefKind":
		return []string{
			"STRING_KIND", "INTEGER_KIND", "FLOAT_KIND", "BOOLEAN_KIND", "SCALAR_KIND", "LIST_KIND",
			"OBJECT_KIND", "INTERFACE_KIND", "INPUT_KIND", "VOID_KIND", "ENUM_KIND",
			"STRING", "INTEGER", "FLOAT", "BOOLEAN", "SCALAR", "LIST", "OBJECT", "INTERFACE", "INPUT", "VOID", "ENUM",
		}
	}
	return nil
}

// isCoreObject tells whether the core API has an object of that name: a type of
// the module that shares it is taken for that one, and so not prefixed.
func isCoreObject(name string) bool { return slices.Contains(coreObjects(), name) }

func coreObjects() []string {
	return []string{
		"Address", "Binding", "CacheVolume", "Changeset", "Check", "CheckGroup", "ClientFilesyncMirror", "Cloud",
		"Container", "CurrentModule", "DiffStat", "Directory", "Engine", "EngineCache", "EngineCacheEntry",
		"EngineCacheEntrySet", "EnumTypeDef", "EnumValueTypeDef", "Env", "EnvFile", "EnvVariable", "Error",
		"ErrorValue", "FieldTypeDef", "File", "Function", "FunctionArg", "FunctionCall", "FunctionCallArgValue",
		"GeneratedCode", "Generator", "GeneratorGroup", "GitRef", "GitRepository", "HTTPState", "HealthcheckConfig",
		"Host", "InputTypeDef", "InterfaceTypeDef", "JSONValue", "LLM", "LLMTokenUsage", "Label", "ListTypeDef",
		"Module", "ModuleConfigClient", "ModuleSource", "ObjectTypeDef", "Port", "Query", "RemoteGitMirror",
		"SDKConfig", "ScalarTypeDef", "SearchResult", "SearchSubmatch", "Secret", "Service", "Socket", "SourceMap",
		"Stat", "Terminal", "TypeDef", "Up", "UpGroup", "Workspace",
	}
}
