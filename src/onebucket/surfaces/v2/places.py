"""Which repository or project the path of a request names."""

from onebucket.surfaces.core.surface import ApiRequest


def repository_of(request: ApiRequest) -> tuple[str, str]:
    """Return the workspace and the slug of the path `/repositories/{workspace}/{repo_slug}`."""
    return request.path_parameters["workspace"], request.path_parameters["repo_slug"]


def project_of(request: ApiRequest) -> tuple[str, str]:
    """Return the workspace and the key of the path `/workspaces/{workspace}/projects/{project_key}`."""
    return request.path_parameters["workspace"], request.path_parameters["project_key"]
